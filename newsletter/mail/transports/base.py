"""The interface of all transports. One contract suite (tests/contract) runs over each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking

NOT_AN_ADDRESS = "This is not an address that mail can be sent to."
"""The reason for a recipient whose address no transport can put on the wire."""


class Transport(Protocol):
    """A way to send mail. Made for one process, used by one thread, closed at the end."""

    name: str
    all_or_nothing: bool
    """Whether the provider takes or refuses all recipients in one answer, so that a lost answer concerns all."""
    idempotent: bool
    """Whether the same Message-ID sent again is no second mail."""
    unrecorded_tracking: Tracking
    """The provider's tracking in a request of which no record is kept, since the worker dies: known where no body can
    switch it on."""
    deadline: float
    """Seconds that one call for one batch may take in all, whatever the other side does."""
    silence: float
    """Seconds that may pass in a call until it asks `result.may_continue` or calls `result.keep_alive` again: the lease
    on a batch lasts no longer."""

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        """Send `message` to the recipients who are still waiting in `result`, and record each answer there, and the
        provider's tracking in each request.

        Raises NotAcceptedError, RefusedForGoodError or InDoubtError for all who are still waiting then. Unless the
        transport is `all_or_nothing`, InDoubtError and CutOffError are about the first of them alone: the others were
        not sent, and the next call goes on over a new connection. Returns early, leaving the rest waiting, when
        `result.may_continue()` is False or, between two messages, the deadline is over.
        """

    def close(self) -> None:
        """Close connections. Harmless when there are none."""


@runtime_checkable
class ProviderScheduling(Protocol):
    """A transport whose provider keeps mail until its time, and can cancel it before."""

    def reserve_batch_id(self) -> str:
        """Get a new name for a request to come. Raises NotAcceptedError or RefusedForGoodError."""

    def cancel_batch(self, provider_batch_id: str) -> None:
        """Cancel the requests under this name. Raises NotAcceptedError or RefusedForGoodError."""
