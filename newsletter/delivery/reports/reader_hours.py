"""Readers counted by the hour that they chose, from which the first and the last mail of any time follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import URGENT_CADENCES, Cadence
from newsletter.core.config import Settings
from newsletter.core.db import table_of, unindexed
from newsletter.delivery.freezing.audience import is_reader
from newsletter.delivery.freezing.hours import next_occurrence
from newsletter.subscribers.models import Subscriber, SubscriberStatus

ReaderHours: TypeAlias = "Counter[tuple[int, str]]"
"""Readers by hour and time zone."""

_TABLE = table_of(Subscriber).c


class OwnHours(NamedTuple):
    """The readers who get a digest at an hour of their own, and when the first and the last of them do."""

    readers: int
    first: datetime
    last: datetime


def count_hours(session: Session, settings: Settings, cadence: Cadence) -> ReaderHours:
    """The active readers of a cadence who chose an hour; none of one that waits for nobody's hour."""
    if cadence in URGENT_CADENCES:
        return Counter()
    # Unindexed, as in `reader_preferences`.
    is_active = unindexed(_TABLE.status) == SubscriberStatus.ACTIVE.value
    query = select(_TABLE.hour, _TABLE.zone, func.count()).where(
        is_active, _TABLE.hour.is_not(None), _TABLE.zone.is_not(None), *is_reader(settings, cadence, clock.now())
    )
    rows = session.execute(query.group_by(_TABLE.hour, _TABLE.zone))
    return Counter({(hour, zone): readers for hour, zone, readers in rows})


def own_hours(hours: Mapping[tuple[int, str], int], begins: datetime) -> OwnHours | None:
    """The same for a digest that begins then; None where nobody waits."""
    waits = {key: moment for key in hours if (moment := next_occurrence(begins, *key)) is not None}
    if not waits:
        return None
    return OwnHours(sum(hours[key] for key in waits), min(waits.values()), max(waits.values()))
