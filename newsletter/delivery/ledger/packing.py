"""Packing the ids of a batch, and finding a subscriber's position in it."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator

BATCH_SIZE = 1000
"""Recipients of a batch at most: what SendGrid takes in one request."""


def position_of(ids: array[int], subscriber_id: int) -> int | None:
    """The position of a subscriber in a batch's `ids`, which rise; None when the subscriber is not in it."""
    position = bisect_left(ids, subscriber_id)
    return position if position < len(ids) and ids[position] == subscriber_id else None


def split_batches(ids: array[int]) -> Iterator[array[int]]:
    """Split `ids` into pieces of at most BATCH_SIZE."""
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def pack_ids(ids: array[int]) -> bytes:
    """Pack ids into 8 bytes each, little-endian."""
    if sys.byteorder == "big":
        ids = array("q", ids)
        ids.byteswap()
    return ids.tobytes()


def unpack_ids(data: bytes) -> array[int]:
    """Read what `pack_ids` wrote."""
    ids = array("q")
    ids.frombytes(data)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids
