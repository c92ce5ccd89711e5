"""Outcomes: one byte for each recipient, which can be read in a dump of the ledger."""

from __future__ import annotations

from collections.abc import Callable

WAITING = ord("w")
ACCEPTED = ord("a")
DEFERRED = ord("d")
REFUSED = ord("r")
SKIPPED = ord("s")
IN_DOUBT = ord("?")
CANCELLED = ord("c")

OUTCOME_NAMES = {
    ACCEPTED: "accepted",
    REFUSED: "refused",
    SKIPPED: "skipped",
    IN_DOUBT: "in_doubt",
    WAITING: "waiting",
    DEFERRED: "deferred",
    CANCELLED: "cancelled",
}
"""The name of each outcome, in the order in which a status shows them."""


class SendResult:
    """The answers that a transport records while it sends to `size` recipients, numbered from 0.

    `may_continue` is asked before each request or message: False when the sender's lease is over, or when the work
    should stop. `answered` is called with the index after each answer, so that progress can be kept.
    """

    def __init__(
        self,
        size: int,
        may_continue: Callable[[], bool] = lambda: True,
        answered: Callable[[int], None] = lambda index: None,
    ) -> None:
        self.outcomes = bytearray([WAITING]) * size
        self.reasons: dict[int, str] = {}
        self.provider_ref: str | None = None
        self.may_continue = may_continue
        self._answered = answered

    def waiting(self) -> list[int]:
        """The recipients without an answer, in order."""
        return [index for index, outcome in enumerate(self.outcomes) if outcome == WAITING]

    def accepted(self, index: int) -> None:
        self._set(index, ACCEPTED)

    def deferred(self, index: int, reason: str) -> None:
        """The receiving side asked to come back later."""
        self.reasons[index] = reason
        self._set(index, DEFERRED)

    def refused(self, index: int, reason: str) -> None:
        """Refused for good; `reason` is the provider's answer, redacted."""
        self.reasons[index] = reason
        self._set(index, REFUSED)

    def accept_rest(self, provider_ref: str) -> None:
        """The provider took everyone who had no answer yet."""
        self.outcomes = self.outcomes.replace(bytes([WAITING]), bytes([ACCEPTED]))
        self.provider_ref = provider_ref

    def _set(self, index: int, outcome: int) -> None:
        self.outcomes[index] = outcome
        self._answered(index)
