"""How many readers a score of trust misses. The limits of all readers are counted anew every ten minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.subscribers.trust_limits import MissedReaders, count_limits, missed_readers

COUNTED_FOR = timedelta(minutes=10)
"""A count of a million readers takes half a second, and choices change slowly."""

_counted: WeakKeyDictionary[Database, tuple[datetime, dict[int, int]]] = WeakKeyDictionary()


def readers_missed_by(session: Session, score: int) -> MissedReaders:
    """The readers whose lowest trust lies above the score."""
    database, now = runtime().db, clock.now()
    counted_at, limits = _counted.get(database, (None, {}))
    if counted_at is None or not timedelta(0) <= now - counted_at < COUNTED_FOR:
        limits = count_limits(session)
        _counted[database] = now, limits
    return missed_readers(limits, score)
