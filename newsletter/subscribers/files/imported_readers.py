"""Importing readers who confirmed elsewhere, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import OPERATOR, Actor
from newsletter.core.ids import AddressKey
from newsletter.subscribers import addresses, lifecycle
from newsletter.subscribers.bulk_insert import ConfirmedReader
from newsletter.subscribers.preferences import Preferences

CHUNK = 1000
"""Rows in one statement."""

T = TypeVar("T")


@dataclass(frozen=True)
class ImportedReader:
    """A reader who confirmed elsewhere, at `confirmed_at` if that is known. Raises InvalidError for a wrong address."""

    address: str
    preferences: Preferences = field(default_factory=Preferences)
    confirmed_at: datetime | None = None
    key: AddressKey = field(init=False, repr=False, compare=False)
    """The identity of the address."""

    def __post_init__(self) -> None:
        address = addresses.normalise(self.address)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "key", addresses.identity_key(address))


class ImportCounts(NamedTuple):
    """How many became active, and how many stayed as they were: active already, unsubscribed, bounced, complained."""

    imported: int
    unchanged: int


def import_rows(session: Session, readers: Iterable[ImportedReader], *, by: Actor = OPERATOR) -> ImportCounts:
    """Make readers active in one transaction, streaming; ended subscriptions stay ended.

    Erased readers have no row, so the caller leaves out suppressed addresses.
    """
    imported = total = 0
    now = clock.now()
    for chunk in chunks(readers, CHUNK):
        total += len(chunk)
        first_rows = {reader.key: reader for reader in reversed(chunk)}  # the first row of an address counts
        confirmed = [
            ConfirmedReader(reader.address, reader.key, reader.confirmed_at or now, reader.preferences)
            for reader in first_rows.values()
        ]
        imported += lifecycle.import_confirmed(session, confirmed[::-1], by=by)
    return ImportCounts(imported, total - imported)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last perhaps shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
