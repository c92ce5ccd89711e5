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
from newsletter.delivery.reports.reader_choices import ReaderChoice, count_choices

COUNTED_AGAIN_AFTER = timedelta(minutes=1)


class KeptChoices(NamedTuple):
    """The readers of a cadence by what they chose, at a time."""

    choices: Counter[ReaderChoice]
    counted_at: datetime


_kept: WeakKeyDictionary[Engine, dict[Cadence, KeptChoices]] = WeakKeyDictionary()
_counting = Lock()
"""One count at a time: whoever waits for it finds it made."""


def kept_choices(cadence: Cadence) -> KeptChoices | None:
    """The last count; None where there is none."""
    return _kept.get(runtime().db.engine, {}).get(cadence)


def counted_choices(cadence: Cadence) -> KeptChoices:
    """A count that is at most a minute old."""
    with _counting:
        kept = kept_choices(cadence)
        if kept is None or clock.now() - kept.counted_at > COUNTED_AGAIN_AFTER:
            now = clock.now()
            with runtime().db.reading() as session:
                kept = KeptChoices(count_choices(session, runtime().settings, cadence), now)
            _kept.setdefault(runtime().db.engine, {})[cadence] = kept
    return kept
