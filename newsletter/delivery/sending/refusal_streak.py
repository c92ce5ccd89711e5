"""Refusals in a row in the same words: those are about the sender, whatever they say of the recipient.

A relay that is out of quota, or a filter that dislikes the content, refuses everybody. Answers that name us are known
by their codes and words (`mail.failures`) and end a run at once; this catches the ones that nobody has listed, and
relays that say of everybody that there is no such mailbox.
"""

from __future__ import annotations

from typing import NamedTuple

from newsletter.core.ids import DigestId, SubscriberId
from newsletter.mail.failures.comparable_answers import same_words
from newsletter.mail.failures.verdicts import FailureKind

IN_A_ROW = 3
"""Recipients."""
MAILBOXES_IN_A_ROW = 10
"""Recipients whose mailbox is said to be missing: on an old list some stand beside each other."""


class Refused(NamedTuple):
    """A recipient of a digest who was refused."""

    digest_id: DigestId
    subscriber_id: SubscriberId


class RefusalStreak:
    """The refusals since the last answer of another kind; kept from batch to batch, since batches can be small."""

    def __init__(self) -> None:
        self._words = ""
        self.about = FailureKind.MOMENT
        self.recipients: list[Refused] = []

    @property
    def is_full(self) -> bool:
        return len(self.recipients) >= (MAILBOXES_IN_A_ROW if self.about is FailureKind.MAILBOX else IN_A_ROW)

    def add(self, recipient: Refused, reason: str, about: FailureKind) -> None:
        """Count a refusal."""
        words = _words(reason, about)
        if not words or (words, about) != (self._words, self.about):
            self.end()
        if words:
            self._words, self.about = words, about
            self.recipients.append(recipient)

    def end(self) -> None:
        """Begin anew: another answer came."""
        self._words, self.recipients = "", []


def _words(reason: str, about: FailureKind) -> str:
    """The words to compare. A code that says what an answer is about is enough, even without words."""
    return same_words(reason) or ("" if about is FailureKind.MOMENT else reason)
