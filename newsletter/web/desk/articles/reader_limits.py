"""How many readers a score of trust misses. The limits of all readers are counted anew every ten minutes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.subscribers.trust_limits import MissedReaders, count_limits, missed_readers
from newsletter.web.desk.value_cache import ValueCache

COUNTED_AGAIN_AFTER = 600.0
"""Seconds. A count of a million readers takes half a second, and preferences change slowly."""

_limits: ValueCache[str, dict[int, int]] = ValueCache(COUNTED_AGAIN_AFTER)


def readers_missed_by(session: Session, score: int) -> MissedReaders:
    """The readers whose lowest trust lies above the score."""
    return missed_readers(_limits.get("limits", lambda: count_limits(session)), score)
