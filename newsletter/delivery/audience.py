"""The audience: who gets which edition, read once at the freeze.

Only ids are kept, packed: a million readers are 8 MB. What a reader's choices leave of a digest is a bit mask over its
articles, worked out once for each distinct set of choices.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.delivery.models import BATCH_SIZE
from newsletter.subscribers.models import Status, Subscriber


class EditionKey(NamedTuple):
    """Which edition a reader gets."""

    mask: int
    language: str
    format: str


Audience: TypeAlias = "dict[EditionKey, array[int]]"
"""Ids in rising order for each edition. Mask 0: readers whose choices leave nothing."""


def read(session: Session, cadence: str, revisions: Sequence[Revision]) -> Audience:
    """Everyone of `cadence` who is active now, by edition."""
    rows = session.execute(
        select(Subscriber.id, cast(Subscriber.sections, Text), Subscriber.min_trust)
        .where(Subscriber.status == Status.ACTIVE, Subscriber.cadence == cadence)
        .order_by(Subscriber.id)
        .execution_options(yield_per=10_000)
    )
    keys: dict[tuple[str | None, int], EditionKey] = {}
    audience: Audience = defaultdict(lambda: array("q"))
    for subscriber_id, sections, min_trust in rows:
        choices = (sections, min_trust)
        key = keys.get(choices)
        if key is None:
            wanted = json.loads(sections) if sections else None
            key = keys[choices] = EditionKey(mask_for(revisions, wanted, min_trust), "en", "html")
        audience[key].append(subscriber_id)
    return audience


def mask_for(revisions: Sequence[Revision], sections: Sequence[str] | None, min_trust: int) -> int:
    """Bit i is set when the article at position i fits the choices."""
    return sum(
        1 << position
        for position, revision in enumerate(revisions)
        if revision.trust >= min_trust and (sections is None or revision.section in sections)
    )


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
