"""What every transport can do. One contract suite (tests/contract) runs over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult

NOT_AN_ADDRESS = "This is not an address that mail can be sent to."
"""The reason for a recipient whose address no transport can put on the wire."""


class Transport(Protocol):
    """A way out of the house. Made for one process, used by one thread, closed at the end."""

    name: str
    all_or_nothing: bool
    """True when the provider takes or refuses all recipients in one answer, so that a lost answer concerns all."""
    idempotent: bool
    """True when the same Message-ID sent again is no second mail."""
    deadline: float
    """Seconds that one call for one batch may take in all, whatever the other side does."""

    def send(self, message: Message, recipients: Sequence[Recipient], record: SendResult) -> None:
        """Send `message` to those recipients who are still waiting in `record`, and write each answer into it.

        Raises NotTakenError, RefusedForGoodError or InDoubtError for all who are still waiting then; where the
        transport is not `whole`, the doubt is about the first of them alone: the others were not sent. Returns early,
        leaving the rest waiting, when `record.may_continue()` is False or, between two messages, the deadline is over.
        """

    def close(self) -> None:
        """Let go of connections. Harmless when there are none."""


@runtime_checkable
class ProviderScheduling(Protocol):
    """A transport that keeps what it is given until its time, and lets it be taken back before."""

    def reserve_batch_id(self) -> str:
        """A new name for something to be handed over. Raises NotTakenError or RefusedForGoodError."""

    def cancel_batch(self, provider_batch_id: str) -> None:
        """Take back what was handed over under this name. Raises NotTakenError or RefusedForGoodError."""
