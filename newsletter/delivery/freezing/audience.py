"""The audience: who gets which edition and when, read once at the freeze.

Only ids are kept, packed: a million readers are 8 MB. The articles that a reader wants of a digest are a bit mask,
computed once for each distinct set of preferences.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.cadence import URGENT_CADENCES, Cadence
from newsletter.core.config import Settings
from newsletter.core.db import stream_rows, table_of, unindexed
from newsletter.delivery.freezing import hours
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.delivery.ledger.models import EditionKey
from newsletter.mail.formats import Format
from newsletter.subscribers.models import Subscriber, SubscriberStatus


class AudienceKey(NamedTuple):
    """An edition, and the hour at which readers want it; None: the digest's own time."""

    edition: EditionKey
    due_at: datetime | None


Audience: TypeAlias = "dict[AudienceKey, array[int]]"
"""Ids in rising order. Mask 0: readers whose preferences leave nothing."""


class _Preferences(NamedTuple):
    """The columns that decide; `sections` is JSON."""

    sections: str | None
    min_trust: int
    max_hype: str | None
    hour: int | None
    zone: str | None
    language: str
    format: str


_TABLE = table_of(Subscriber).c
_COLUMNS = (
    cast(_TABLE.sections, Text),
    _TABLE.min_trust,
    _TABLE.max_hype,
    _TABLE.hour,
    _TABLE.zone,
    _TABLE.language,
    _TABLE.format,
)


def read_audience(
    session: Session, settings: Settings, cadence: Cadence, revisions: Sequence[Revision], *, begins: datetime
) -> Audience:
    """The active readers of `cadence` (of breaking news: all who want it) who are not pausing now.

    `begins` is the digest's time. Breaking news waits for nobody's hour. A correction waits for nobody's hour or pause:
    its readers are among all active ones.
    """
    # Unindexed, or SQLite would sort all active ones.
    is_active = unindexed(_TABLE.status) == SubscriberStatus.ACTIVE.value
    query = select(_TABLE.id, *_COLUMNS).where(is_active, *is_reader(settings, cadence, begins)).order_by(_TABLE.id)
    known: dict[tuple[object, ...], array[int]] = {}
    audience: Audience = defaultdict(lambda: array("q"))
    for row in stream_rows(session, query):
        columns = row[1:]
        ids = known.get(columns)
        if ids is None:
            preferences = _Preferences(*columns)
            due_at = None
            if cadence not in URGENT_CADENCES:
                due_at = hours.next_occurrence(begins, preferences.hour, preferences.zone)
            key = AudienceKey(_edition(preferences, revisions, settings.hype_labels), due_at)
            ids = known[columns] = audience[key]
        ids.append(row[0])
    return audience


def count_masks(
    session: Session, settings: Settings, cadence: Cadence, revisions: Sequence[Revision], *, begins: datetime
) -> Counter[int]:
    """The readers of each mask among those whom `read_audience` would read, counted by the database."""
    columns = (cast(_TABLE.sections, Text), _TABLE.min_trust, _TABLE.max_hype)
    is_active = _TABLE.status == SubscriberStatus.ACTIVE
    rows = session.execute(
        select(*columns, func.count()).where(is_active, *is_reader(settings, cadence, begins)).group_by(*columns)
    )
    masks: Counter[int] = Counter()
    for sections, min_trust, max_hype, readers in rows:
        mask = mask_of(revisions, json.loads(sections) if sections else None, min_trust, max_hype, settings.hype_labels)
        masks[mask] += readers
    return masks


def is_reader(settings: Settings, cadence: Cadence, begins: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions that make an active reader one of a digest."""
    if cadence == Cadence.CORRECTION:
        return ()
    today = begins.astimezone(settings.timezone).date()
    wants_it: ColumnElement[bool] = _TABLE.cadence == cadence
    if cadence == Cadence.BREAKING:
        wants_it = _TABLE.breaking
    return wants_it, or_(_TABLE.paused_until.is_(None), _TABLE.paused_until <= today)


def _edition(preferences: _Preferences, revisions: Sequence[Revision], labels: Sequence[str]) -> EditionKey:
    sections = json.loads(preferences.sections) if preferences.sections else None
    mask = mask_of(revisions, sections, preferences.min_trust, preferences.max_hype, labels)
    return EditionKey(mask, preferences.language, Format(preferences.format))
