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
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.inserting import Confirmed, insert_confirmed

CHUNK = 1000
"""Rows in one statement."""

T = TypeVar("T")


@dataclass(frozen=True)
class Reader:
    """Someone who confirmed elsewhere, at `confirmed_at` if that is known. Raises InvalidError for a wrong address."""

    address: str
    choices: Choices = field(default_factory=Choices)
    confirmed_at: datetime | None = None
    key: str = field(init=False, repr=False, compare=False)
    """The identity of the address."""

    def __post_init__(self) -> None:
        address = addresses.normalise(self.address)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "key", addresses.key(address))


class Imported(NamedTuple):
    """How many became active readers, and how many stayed as they were (active already, left, bounced, complained)."""

    imported: int
    unchanged: int


def import_rows(session: Session, readers: Iterable[Reader]) -> Imported:
    """Make readers active in one transaction, streaming; nobody who left, bounced or complained is brought back.

    Those who are suppressed and whose row is gone (the erased) are the caller's to leave out.
    """
    imported = given = 0
    now = clock.now()
    for chunk in chunks(readers, CHUNK):
        given += len(chunk)
        once = {reader.key: reader for reader in reversed(chunk)}  # the first of an address counts
        rows = (Confirmed(one.address, one.key, one.confirmed_at or now, one.choices) for one in once.values())
        imported += insert_confirmed(session, list(rows)[::-1])
    return Imported(imported, given - imported)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last perhaps shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
