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


class KeptPreferences(NamedTuple):
    """The readers of a cadence by what they chose, at a time."""

    preferences: Counter[ReaderPreferences]
    counted_at: datetime


_kept: WeakKeyDictionary[Engine, dict[Cadence, KeptPreferences]] = WeakKeyDictionary()
_counting = Lock()
"""One count at a time: whoever waits for it finds it made."""


def kept_preferences(cadence: Cadence) -> KeptPreferences | None:
    """The last count; None where there is none."""
    return _kept.get(runtime().db.engine, {}).get(cadence)


def counted_preferences(cadence: Cadence) -> KeptPreferences:
    """A count that is at most a minute old."""
    with _counting:
        kept = kept_preferences(cadence)
        if kept is None or clock.now() - kept.counted_at > COUNTED_AGAIN_AFTER:
            now = clock.now()
            with runtime().db.reading() as session:
                kept = KeptPreferences(count_preferences(session, runtime().settings, cadence), now)
            _kept.setdefault(runtime().db.engine, {})[cadence] = kept
    return kept
