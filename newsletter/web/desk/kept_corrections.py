"""The corrections that a draft would carry, kept by each process: to find their readers takes seconds with a million.

As with `kept_preferences`, pages show what is kept. A part that asks for a count gets one of the last few minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing.mask_counts import count_by_mask
from newsletter.digests.queries import get_with_articles

COUNTED_AGAIN_AFTER = timedelta(minutes=5)
MOST_KEPT = 50
"""Digests; the one that was counted first goes first."""


class KeptCorrection(NamedTuple):
    """A correction that goes along."""

    revision_id: int
    slug: str
    title: str
    note: str
    readers: int


class KeptCorrections(NamedTuple):
    """The corrections of a draft, at a time."""

    corrections: Sequence[KeptCorrection]
    counted_at: datetime


_kept: WeakKeyDictionary[Engine, dict[int, KeptCorrections]] = WeakKeyDictionary()
_counting = Lock()


def kept_corrections(digest_id: int) -> KeptCorrections | None:
    """The last count; None where there is none."""
    return _kept.get(runtime().db.engine, {}).get(digest_id)


def counted_corrections(digest_id: int) -> KeptCorrections:
    """A count that is at most a few minutes old."""
    with _counting:
        kept = kept_corrections(digest_id)
        if kept is None or clock.now() - kept.counted_at > COUNTED_AGAIN_AFTER:
            kept = _count(digest_id)
            of_database = _kept.setdefault(runtime().db.engine, {})
            of_database.pop(digest_id, None)
            of_database[digest_id] = kept
            while len(of_database) > MOST_KEPT:
                del of_database[next(iter(of_database))]
    return kept


def _count(digest_id: int) -> KeptCorrections:
    now = clock.now()
    with runtime().db.reading() as session:
        digest = get_with_articles(session, digest_id)
        counts = count_by_mask(session, runtime().settings, digest)
        first = len(digest.items)
        readers = [
            sum(count for mask, count in counts.masks.items() if mask >> first + number & 1)
            for number in range(len(counts.corrections))
        ]
        found = [
            KeptCorrection(each.id, each.slug, each.title, each.note or "", count)
            for each, count in zip(counts.corrections, readers, strict=True)
        ]
        return KeptCorrections(found, now)
