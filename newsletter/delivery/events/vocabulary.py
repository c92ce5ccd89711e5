"""The project's own words for what is reported about a mail; a provider's words end where they are mapped to these."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class EventKind(StrEnum):
    """What is kept as a row. That a mail was accepted, deferred or delivered is no more than `Taken`."""

    BOUNCED = "bounced"
    """Refused for good: the mailbox is not there."""
    SOFT_BOUNCED = "soft_bounced"
    """The mailbox is there, or may be, and did not take this mail."""
    BLOCKED = "blocked"
    """Refused because of the sender, the content or the way: it says nothing about the reader."""
    COMPLAINED = "complained"
    """Reported as spam by the reader."""
    UNSUBSCRIBED = "unsubscribed"
    """Left by a way of the provider's own."""
    DROPPED = "dropped"
    """Accepted by the provider, and never sent."""


class Acceptance(NamedTuple):
    """Proof that the provider took this attempt of a batch."""

    batch: int
    attempt: int
    letter: str
    """The letter's own mark (`delivery.ledger.models.digest_key`): another installation on the same account, or a database
    that was set back, has batches of the same numbers."""


class ReaderEvent(NamedTuple):
    """Something about one reader. Whom it is about is said by batch and place, by the reader's number, or by both."""

    kind: EventKind
    at: int
    """Seconds since 1970."""
    batch: int | None = None
    place: int | None = None
    """In the batch, 0 for the first."""
    reader: int | None = None
    listed: EventKind | None = None
    """Why it was dropped, if an earlier event is on record with the provider."""
    reason: str = ""
    """In the words of the machine that said so, without any address."""

    @classmethod
    def from_json(cls, values: list[Any]) -> ReaderEvent:
        """From the list that `json.dumps` makes of one."""
        event = cls(*values)
        return event._replace(kind=EventKind(event.kind), listed=EventKind(event.listed) if event.listed else None)
