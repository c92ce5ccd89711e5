"""Where a reader stands in a batch."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator

from newsletter.delivery.ledger.models import BATCH_SIZE


def position_of(ids: array[int], reader: int) -> int | None:
    """The place of `reader` in a batch's `ids`, which rise; None when they are not in it."""
    place = bisect_left(ids, reader)
    return place if place < len(ids) and ids[place] == reader else None


def split_batches(ids: array[int]) -> Iterator[array[int]]:
    """`ids` in pieces of at most BATCH_SIZE."""
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def pack_ids(ids: array[int]) -> bytes:
    """8 bytes each, little-endian."""
    if sys.byteorder == "big":
        ids = array("q", ids)
        ids.byteswap()
    return ids.tobytes()


def unpack_ids(data: bytes) -> array[int]:
    """What `pack_ids` packed."""
    ids = array("q")
    ids.frombytes(data)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids
