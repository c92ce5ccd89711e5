"""Readers counted by their preferences, cached by each process: a million take a second to count.

Pages show the last count, with its time. The part of a page that asks for a count gets one that is at most a minute
old. So no page waits, and each edition of a changed draft is counted at once, from the same preferences.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.reader_preferences import ReaderPreferences, count_preferences
from newsletter.web.desk.value_cache import ValueCache

COUNTED_AGAIN_AFTER = 60.0
"""Seconds."""
LIVE_COUNT_HOLDS = timedelta(minutes=10)
"""For what is kept live on each page: nobody asked for it just now."""


class CountedPreferences(NamedTuple):
    """The readers of a cadence by what they chose, at a time."""

    preferences: Counter[ReaderPreferences]
    counted_at: datetime

    @property
    def readers(self) -> int:
        """All of them but those who are pausing."""
        return sum(readers for choice, readers in self.preferences.items() if not choice.is_pausing)


_counted: ValueCache[Cadence, CountedPreferences] = ValueCache(COUNTED_AGAIN_AFTER)


def cached_preferences(cadence: Cadence) -> CountedPreferences | None:
    """The last count; None where there is none."""
    return _counted.last(cadence)


def counted_preferences(cadence: Cadence) -> CountedPreferences:
    """A count that is at most a minute old."""
    return _counted.get(cadence, lambda: _count(cadence))


def live_preferences(cadence: Cadence, *, is_poll: bool) -> CountedPreferences | None:
    """The readers of a cadence for a part that is kept live: a poll counts them now and then, a page does not wait."""
    last = cached_preferences(cadence)
    is_due = last is None or clock.now() - last.counted_at > LIVE_COUNT_HOLDS
    return counted_preferences(cadence) if is_poll and is_due else last


def _count(cadence: Cadence) -> CountedPreferences:
    now = clock.now()
    with runtime().db.reading() as session:
        return CountedPreferences(count_preferences(session, runtime().settings, cadence), now)
