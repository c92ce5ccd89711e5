"""Where a reader stands in a batch."""

from __future__ import annotations

from array import array
from bisect import bisect_left


def place_of(ids: array[int], reader: int) -> int | None:
    """The place of `reader` in a batch's `ids`, which rise; None when they are not in it."""
    place = bisect_left(ids, reader)
    return place if place < len(ids) and ids[place] == reader else None
