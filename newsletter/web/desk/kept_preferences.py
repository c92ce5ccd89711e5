"""Readers counted by their preferences, kept by each process: a million take a second to count.

Pages show what is kept, with its time. The part of a page that asks for a count gets one that is at most a minute old.
So no page waits, and each edition of a changed draft is counted at once, from the same preferences.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.reader_preferences import ReaderPreferences, count_preferences

COUNTED_AGAIN_AFTER = timedelta(minutes=1)
LIVE_COUNT_HOLDS = timedelta(minutes=10)
"""For what is kept live on each page: nobody asked for it just now."""


class KeptPreferences(NamedTuple):
    """The readers of a cadence by what they chose, at a time."""

    preferences: Counter[ReaderPreferences]
    counted_at: datetime

    @property
    def readers(self) -> int:
        """All of them but those who are pausing."""
        return sum(readers for choice, readers in self.preferences.items() if not choice.is_pausing)


_kept: WeakKeyDictionary[Engine, dict[Cadence, KeptPreferences]] = WeakKeyDictionary()
_counting = Lock()
"""One count at a time: whoever waits for it finds it made."""


def kept_preferences(cadence: Cadence) -> KeptPreferences | None:
    """The last count; None where there is none."""
    return _kept.get(runtime().db.engine, {}).get(cadence)


def live_preferences(cadence: Cadence, *, is_poll: bool) -> KeptPreferences | None:
    """The readers of a cadence for a part that is kept live: a poll counts them now and then, a page does not wait."""
    return counted_preferences(cadence, LIVE_COUNT_HOLDS) if is_poll else kept_preferences(cadence)


def counted_preferences(cadence: Cadence, holds: timedelta = COUNTED_AGAIN_AFTER) -> KeptPreferences:
    """A count that is not older than `holds`."""
    with _counting:
        kept = kept_preferences(cadence)
        if kept is None or clock.now() - kept.counted_at > holds:
            now = clock.now()
            with runtime().db.reading() as session:
                kept = KeptPreferences(count_preferences(session, runtime().settings, cadence), now)
            _kept.setdefault(runtime().db.engine, {})[cadence] = kept
    return kept
