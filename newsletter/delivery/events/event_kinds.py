"""The project's own words for reports about a mail. A provider's words end where they are mapped to these."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from newsletter.core.ids import BatchId, SubscriberId
from newsletter.mail.failures.verdicts import FailureKind


class EventKind(StrEnum):
    """The kinds of events that become rows. Accepted, deferred and delivered mails are no more than an `Acceptance`."""

    BOUNCED = "bounced"
    """Refused for good: the mailbox is not there."""
    SOFT_BOUNCED = "soft_bounced"
    """The mailbox may be there, and did not accept this mail."""
    BLOCKED = "blocked"
    """Refused because of the sender, a quota, the content or a policy: about us, not about the reader."""
    COMPLAINED = "complained"
    """Reported as spam by the reader."""
    UNSUBSCRIBED = "unsubscribed"
    """Ended by the reader with a link or header of the provider's own."""
    DROPPED = "dropped"
    """Accepted by the provider, and never sent."""


KIND_OF_FAILURE = {
    FailureKind.MAILBOX: EventKind.BOUNCED,
    FailureKind.MOMENT: EventKind.SOFT_BOUNCED,
    FailureKind.US: EventKind.BLOCKED,
}
"""The event that a failed mail becomes, by the thing that it is about (`mail.failures`)."""


class Acceptance(NamedTuple):
    """Proof that the provider accepted this attempt of a batch."""

    batch_id: BatchId
    attempt: int
    digest_key: str
    """`delivery.ledger.models.digest_key` of its digest. Another installation on the same account, or this database
    before it was restored from a backup, has batches of the same numbers."""


class ReaderEvent(NamedTuple):
    """A report about one reader, who is named by batch and position, by the subscriber's number, or by both."""

    kind: EventKind
    at: int
    """Seconds since 1970."""
    batch_id: BatchId | None = None
    position: int | None = None
    """In the batch, 0 for the first."""
    subscriber_id: SubscriberId | None = None
    listed: EventKind | None = None
    """The earlier event that is the reason of a drop, if the provider has one on record."""
    reason: str = ""
    """In the words of the machine that reported it, without any address."""
    sent_at: int | None = None
    """Seconds since 1970: when the mail went out, for a transactional mail whose report says so."""
    address_tag: str = ""
    """`return_path.address_tag` of the address that a transactional mail went to."""
    sealed_report: str = ""
    """The report as `stored_reports.seal_report` sealed it; empty when it is not kept."""

    @classmethod
    def from_json(cls, values: list[Any]) -> ReaderEvent:
        """From the list that `json.dumps` makes of one."""
        event = cls(*values)
        return event._replace(kind=EventKind(event.kind), listed=EventKind(event.listed) if event.listed else None)
