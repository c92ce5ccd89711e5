"""Answers that paused a digest, which recipients get again after an editor has resumed it.

The first such answer pauses the digest: everybody might be refused so. When the same recipient is refused in the same
words again, it is this recipient's server that does not want us: the recipient is refused. The others go first, so that
nobody waits behind; when one of them is accepted, the answers from before are surely the recipients' own.

When one recipient after the other was said to have no mailbox, an editor who resumes has heard of it, and the words are
believed for the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.core.ids import SubscriberId
from newsletter.mail.failures.comparable_answers import same_words
from newsletter.mail.failures.verdicts import FailureKind

_NO_MAILBOX = "mailbox"
"""Stands in the place of a recipient's number."""
_OWN = "own "
"""Stands before the number of a recipient whose answer is surely about this recipient alone."""


class PausingAnswers:
    """The answers of a batch's recipients that paused its digest: `known` before this run, and in it."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.by_subscriber = dict(known)
        self._before = [key for key in known if key.isdigit()]

    def came_to(self, subscriber_id: SubscriberId) -> bool:
        """Whether an answer to this recipient has paused the digest."""
        return not self.by_subscriber.keys().isdisjoint((str(subscriber_id), f"{_OWN}{subscriber_id}"))

    def is_repeated(self, subscriber_id: SubscriberId, reason: str, about: FailureKind) -> bool:
        """Whether this answer has paused the digest before, and so an editor has resumed it since."""
        key = _key(subscriber_id, about)
        return any(_is_same(self.by_subscriber.get(known), reason) for known in (key, _OWN + key))

    def is_believed(self, subscriber_id: SubscriberId, reason: str, about: FailureKind) -> bool:
        """Whether this answer is repeated and says nothing of the other recipients."""
        key = _NO_MAILBOX if about is FailureKind.MAILBOX else f"{_OWN}{subscriber_id}"
        return _is_same(self.by_subscriber.get(key), reason)

    def add(self, subscriber_id: SubscriberId, reason: str, about: FailureKind) -> None:
        """Keep an answer that pauses the digest."""
        self.by_subscriber[_key(subscriber_id, about)] = reason

    def others_get_theirs(self) -> None:
        """Note that somebody was accepted, so that the answers from before this run are their recipients' own."""
        while self._before:
            key = self._before.pop()
            self.by_subscriber[_OWN + key] = self.by_subscriber.pop(key)


def _key(subscriber_id: SubscriberId, about: FailureKind) -> str:
    return _NO_MAILBOX if about is FailureKind.MAILBOX else str(subscriber_id)


def _is_same(before: str | None, reason: str) -> bool:
    return before is not None and (same_words(before) or before) == (same_words(reason) or reason)
