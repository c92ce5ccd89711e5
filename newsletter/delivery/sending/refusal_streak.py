"""Refusals in a row in the same words: those are about the sender, whatever they say of the recipient.

A relay that is out of quota, or a filter that dislikes the content, refuses everybody. Answers that name us are known
by their codes and words (`mail.failures`) and end a run at once; this catches the ones that nobody has listed.
"""

from __future__ import annotations

from typing import NamedTuple

from newsletter.core.ids import DigestId, SubscriberId
from newsletter.mail.failures.comparable_answers import same_words
from newsletter.mail.failures.verdicts import FailureKind

IN_A_ROW = 3
"""Recipients."""


class Refused(NamedTuple):
    """A recipient of a digest who was refused."""

    digest_id: DigestId
    subscriber_id: SubscriberId


class RefusalStreak:
    """The refusals since the last answer of another kind; kept from batch to batch, since batches can be small."""

    def __init__(self) -> None:
        self._words = ""
        self.recipients: list[Refused] = []

    @property
    def is_full(self) -> bool:
        return len(self.recipients) >= IN_A_ROW

    def add(self, recipient: Refused, reason: str, about: FailureKind) -> None:
        """Count a refusal. One that is about the mailbox ends the row."""
        words = _words(reason, about)
        if not words or words != self._words:
            self.end()
        if words:
            self._words = words
            self.recipients.append(recipient)

    def end(self) -> None:
        """Begin anew: another answer came."""
        self._words, self.recipients = "", []


def _words(reason: str, about: FailureKind) -> str:
    """The words to compare. An answer about us says enough even if it is a bare code."""
    if about is FailureKind.MAILBOX:
        return ""
    return same_words(reason) or (reason if about is FailureKind.US else "")
