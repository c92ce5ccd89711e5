"""Readers who confirmed elsewhere come in, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.subscribers import addresses
from newsletter.subscribers.bulk_insert import ConfirmedReader, insert_confirmed
from newsletter.subscribers.preferences import Preferences

CHUNK = 1000
"""Rows in one statement."""

T = TypeVar("T")


@dataclass(frozen=True)
class ImportedReader:
    """Someone who confirmed elsewhere, at `confirmed_at` if that is known. Raises InvalidError for a wrong address."""

    address: str
    preferences: Preferences = field(default_factory=Preferences)
    confirmed_at: datetime | None = None
    key: str = field(init=False, repr=False, compare=False)
    """The identity of the address."""

    def __post_init__(self) -> None:
        address = addresses.normalise(self.address)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "key", addresses.identity_key(address))


class ImportCounts(NamedTuple):
    """How many became active readers, and how many stayed as they were (active already, left, bounced, complained)."""

    imported: int
    unchanged: int


def import_rows(session: Session, readers: Iterable[ImportedReader]) -> ImportCounts:
    """Make readers active in one transaction, streaming; nobody who left, bounced or complained is brought back.

    Those who are suppressed and whose row is gone (the erased) are the caller's to leave out.
    """
    imported = given = 0
    now = clock.now()
    for chunk in chunks(readers, CHUNK):
        given += len(chunk)
        once = {reader.key: reader for reader in reversed(chunk)}  # the first of an address counts
        rows = (
            ConfirmedReader(one.address, one.key, one.confirmed_at or now, one.preferences) for one in once.values()
        )
        imported += insert_confirmed(session, list(rows)[::-1])
    return ImportCounts(imported, given - imported)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last perhaps shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
