"""The audience: who gets which edition and when, read once at the freeze.

Only ids are kept, packed: a million readers are 8 MB. What a reader's choices leave of a digest is a bit mask over its
articles, worked out once for each distinct set of choices.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.config import Settings
from newsletter.delivery import hours
from newsletter.delivery.models import BATCH_SIZE
from newsletter.digests.models import BREAKING
from newsletter.subscribers.models import Status, Subscriber


class EditionKey(NamedTuple):
    """Which edition a reader gets."""

    mask: int
    language: str
    format: str


class Wanted(NamedTuple):
    """An edition, and when it is wanted: None is with the digest."""

    edition: EditionKey
    due_at: datetime | None


Audience: TypeAlias = "dict[Wanted, array[int]]"
"""Ids in rising order. Mask 0: readers whose choices leave nothing."""


class _Choices(NamedTuple):
    """The columns that decide; `sections` is JSON."""

    sections: str | None
    min_trust: int
    max_hype: str | None
    hour: int | None
    zone: str | None
    language: str
    format: str


_COLUMNS = (
    cast(Subscriber.sections, Text),
    Subscriber.min_trust,
    Subscriber.max_hype,
    Subscriber.hour,
    Subscriber.zone,
    Subscriber.language,
    Subscriber.format,
)


def read(
    session: Session, settings: Settings, cadence: str, revisions: Sequence[Revision], *, begins: datetime
) -> Audience:
    """Everyone of `cadence` (of breaking news: everyone who wants it) who is active and not pausing now.

    `begins` is when the digest goes out. Breaking news waits for nobody's hour.
    """
    today = begins.astimezone(settings.timezone).date()
    wants_it = Subscriber.breaking if cadence == BREAKING else Subscriber.cadence == cadence
    rows = session.execute(
        select(Subscriber.id, *_COLUMNS)
        .where(Subscriber.status == Status.ACTIVE, wants_it)
        .where(or_(Subscriber.paused_until.is_(None), Subscriber.paused_until <= today))
        .order_by(Subscriber.id)
        .execution_options(yield_per=10_000)
    )
    known: dict[tuple[object, ...], array[int]] = {}
    audience: Audience = defaultdict(lambda: array("q"))
    for row in rows:
        columns = row[1:]
        ids = known.get(columns)
        if ids is None:
            choices = _Choices(*columns)
            due_at = None if cadence == BREAKING else hours.next_at(begins, choices.hour, choices.zone)
            wanted = Wanted(_edition(choices, revisions, settings.hype_labels), due_at)
            ids = known[columns] = audience[wanted]
        ids.append(row[0])
    return audience


def _edition(choices: _Choices, revisions: Sequence[Revision], labels: Sequence[str]) -> EditionKey:
    sections = json.loads(choices.sections) if choices.sections else None
    mask = mask_of(revisions, sections, choices.min_trust, choices.max_hype, labels)
    return EditionKey(mask, choices.language, choices.format)


def mask_of(
    revisions: Sequence[Revision],
    sections: Collection[str] | None,
    min_trust: int,
    max_hype: str | None,
    labels: Sequence[str],
) -> int:
    """What choices leave of a digest's articles: bit i is set where the article at position i fits. `labels` are
    HYPE_LABELS; a highest hype that is none of them is any.
    """
    most = labels.index(max_hype) if max_hype in labels else len(labels)
    return sum(
        1 << position
        for position, revision in enumerate(revisions)
        if revision.trust >= min_trust
        and (sections is None or revision.section in sections)
        and _rank(revision.hype, labels) <= most
    )


def _rank(label: str, labels: Sequence[str]) -> int:
    """A label that the setting does not know any more is passed over by nobody who wants any."""
    return labels.index(label) if label in labels else len(labels)


def batches(ids: array[int]) -> Iterator[array[int]]:
    """`ids` in pieces of at most BATCH_SIZE."""
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def pack(ids: array[int]) -> bytes:
    """8 bytes each, little-endian."""
    if sys.byteorder == "big":
        ids = array("q", ids)
        ids.byteswap()
    return ids.tobytes()


def unpack(data: bytes) -> array[int]:
    """What `pack` packed."""
    ids = array("q")
    ids.frombytes(data)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids
