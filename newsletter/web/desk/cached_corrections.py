"""The corrections that a draft would carry, cached by each process: finding their readers takes seconds with a million.

As with `cached_preferences`, pages show the last count. A part that asks for a count gets one of the last few minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing.mask_counts import count_by_mask
from newsletter.digests.queries import get_with_articles
from newsletter.web.desk.value_cache import ValueCache

COUNTED_AGAIN_AFTER = 300.0
"""Seconds."""


class CountedCorrection(NamedTuple):
    """A correction that goes along."""

    revision_id: int
    slug: str
    title: str
    note: str
    readers: int


class CountedCorrections(NamedTuple):
    """The corrections of a draft, at a time."""

    corrections: Sequence[CountedCorrection]
    counted_at: datetime


_counted: ValueCache[int, CountedCorrections] = ValueCache(COUNTED_AGAIN_AFTER, most=50)
"""By the number of the digest."""


def cached_corrections(digest_id: int) -> CountedCorrections | None:
    """The last count; None where there is none."""
    return _counted.last(digest_id)


def counted_corrections(digest_id: int) -> CountedCorrections:
    """A count that is at most a few minutes old."""
    return _counted.get(digest_id, lambda: _count(digest_id))


def _count(digest_id: int) -> CountedCorrections:
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
            CountedCorrection(each.id, each.slug, each.title, each.note or "", count)
            for each, count in zip(counts.corrections, readers, strict=True)
        ]
        return CountedCorrections(found, now)
