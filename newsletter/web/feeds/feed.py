"""A feed and its entries, whatever format they are written in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

FEED_SIZE = 20
"""Entries of a feed."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of an empty feed: Atom demands one."""


@dataclass(frozen=True)
class Entry:
    """An entry. All addresses are absolute, and all texts may be written into XML (`xml_text`)."""

    id: str
    """A URN that is made from a number in the database: it outlives titles, addresses and hosts."""
    address: str
    title: str
    summary: str
    """Plain text; empty for none."""
    content: str
    """HTML, the full text."""
    published: datetime
    updated: datetime
    language: str
    """A BCP 47 tag."""
    sections: tuple[str, ...] = ()
    author: str = ""
    is_elsewhere: bool = False
    """Whether `address` leads to another site."""


@dataclass(frozen=True)
class Feed:
    """A feed with its newest entries first."""

    id: str
    title: str
    description: str
    address: str
    """Of the feed in this format."""
    page: str
    """The address of the page that shows the same."""
    language: str
    publication: str
    entries: tuple[Entry, ...]
    hub: str = ""
    """Of WebSub; empty for none."""

    @property
    def updated(self) -> datetime:
        return max((entry.updated for entry in self.entries), default=NEVER)


def urn(namespace: UUID, name: str) -> str:
    """The id of whatever has this name in the publication's namespace, such as "article/7"."""
    return uuid5(namespace, name).urn
