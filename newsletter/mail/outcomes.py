"""Outcomes: one byte for each recipient, which can be read in a dump of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.tracking import Tracking, worse

WAITING = ord("w")
ACCEPTED = ord("a")
DEFERRED = ord("d")
REFUSED = ord("r")
SKIPPED = ord("s")
UNANSWERED = ord("1")
"""One message was sent, and no answer to it came."""
UNANSWERED_TWICE = ord("2")
IN_DOUBT = ord("?")
CANCELLED = ord("c")
MOVED = ord("m")
"""Counted in another batch of the digest, which took over the recipient. The position stays: events name it."""

OUTCOME_NAMES = {
    ACCEPTED: "accepted",
    REFUSED: "refused",
    SKIPPED: "skipped",
    IN_DOUBT: "in_doubt",
    WAITING: "waiting",
    UNANSWERED: "unanswered",
    UNANSWERED_TWICE: "unanswered",
    DEFERRED: "deferred",
    CANCELLED: "cancelled",
}
"""The name of each outcome, in the order in which a status shows them."""

NEXT_WITHOUT_ANSWER = {UNANSWERED: UNANSWERED_TWICE, UNANSWERED_TWICE: IN_DOUBT}
"""The outcome after one more message without an answer: there are two repeats at most. Any other becomes UNANSWERED."""


@lru_cache(maxsize=2000)
def count_outcomes(outcomes: bytes) -> Mapping[int, int]:
    """The recipients of a batch by their outcome. Cached: most batches are all accepted or all waiting, or were counted
    before."""
    return {outcome: count for outcome in (*OUTCOME_NAMES, MOVED) if (count := outcomes.count(outcome))}


class SendResult:
    """The answers that a transport records while it sends to `size` recipients, numbered from 0.

    `may_continue` is asked before each request or message: False when the sender's lease is over, or when the work
    should stop. `answered` is called with the index after each answer, so that progress can be kept. `keep_alive` is
    called about once a second while an answer is awaited, so that the sender can keep its lease.
    """

    def __init__(
        self,
        size: int,
        may_continue: Callable[[], bool] = lambda: True,
        answered: Callable[[int], None] = lambda index: None,
        keep_alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.outcomes = bytearray([WAITING]) * size
        self.reasons: dict[int, str] = {}
        self.about: dict[int, FailureKind] = {}
        """The subject of each refusal, by recipient; one that is missing says nothing (MOMENT)."""
        self.provider_ref: str | None = None
        self.tracking: Tracking | None = None
        """The provider's tracking in the requests that were sent; None while there was none."""
        self.may_continue = may_continue
        self.keep_alive = keep_alive
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

    def refused(self, index: int, reason: str, about: FailureKind = FailureKind.MOMENT) -> None:
        """Refused for good; `reason` is the provider's answer, redacted, and `about` what it speaks of."""
        self.reasons[index] = reason
        self.about[index] = about
        self._set(index, REFUSED)

    def accept_rest(self, provider_ref: str) -> None:
        """The provider took everyone who had no answer yet."""
        self.outcomes = self.outcomes.replace(bytes([WAITING]), bytes([ACCEPTED]))
        self.provider_ref = provider_ref

    def requested(self, tracking: Tracking) -> None:
        """A request was sent, or may have been; `tracking` is read from its body."""
        if tracking is not self.tracking:  # by SMTP it is asked for each message
            self.tracking = worse(self.tracking, tracking)

    def _set(self, index: int, outcome: int) -> None:
        self.outcomes[index] = outcome
        self._answered(index)
