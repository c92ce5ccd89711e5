"""Answers about us that one recipient gets again after an editor has resumed the digest.

The first such answer pauses the digest: everybody might be refused so. When the same recipient is refused in the same
words again, it is this recipient's server that does not want us: the recipient is refused, and the others get theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.core.ids import SubscriberId
from newsletter.mail.failures.comparable_answers import same_words


class PausingAnswers:
    """The answers of a batch's recipients that paused its digest: `known` before this run, and in it."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.by_subscriber = dict(known)

    def is_repeated(self, subscriber_id: SubscriberId, reason: str) -> bool:
        """Whether this recipient's answer has paused the digest before, and so an editor has resumed it since."""
        before = self.by_subscriber.get(str(subscriber_id))
        return before is not None and (same_words(before) or before) == (same_words(reason) or reason)

    def add(self, subscriber_id: SubscriberId, reason: str) -> None:
        """Keep an answer that pauses the digest."""
        self.by_subscriber[str(subscriber_id)] = reason
