"""What every transport can do. One contract suite (tests/contract) runs over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import Record


class Transport(Protocol):
    """A way out of the house. Made for one process, used by one thread, closed at the end."""

    name: str
    whole: bool
    """True when the provider takes or refuses all recipients in one answer, so that a lost answer concerns all."""
    repeatable: bool
    """True when the same Message-ID sent again is no second mail."""
    deadline: float
    """Seconds that one call for one batch may take in all, whatever the other side does."""

    def send(self, message: Message, recipients: Sequence[Recipient], record: Record) -> None:
        """Send `message` to those recipients who are still waiting in `record`, and write each answer into it.

        Raises NotTakenError, RefusedForGoodError or InDoubtError for all who are still waiting then. Returns early,
        leaving them waiting, when `record.may_go_on()` is False.
        """

    def close(self) -> None:
        """Let go of connections. Harmless when there are none."""
