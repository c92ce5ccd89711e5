"""The spam scores of drafts, cached by each process: SpamAssassin takes seconds for one.

As with `cached_preferences`, pages show the last one, and a part that asks for a score gets one.
"""

from __future__ import annotations

from threading import Lock

from newsletter.core.runtime import runtime
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_with_articles
from newsletter.digests.spam_findings import mail_to_score
from newsletter.mail.spam_score import SpamScore, can_score, spam_score
from newsletter.web.desk.value_cache import ValueCache

_scores: ValueCache[tuple[int, int], tuple[SpamScore | None]] = ValueCache(3600.0)
_asking = Lock()
"""One at a time: an answer costs a second of the processor, and pages must not wait for one another's."""


def cached_spam_score(digest: Digest) -> SpamScore | None:
    """The score of a digest as it is; None where there is none."""
    found = _scores.find((digest.id, digest.version))
    return found[0] if found else None


def wants_spam_score(digest: Digest) -> bool:
    """Whether the digest as it is could be scored, and was not."""
    return can_score() and _scores.find((digest.id, digest.version)) is None


def ask_spam_score(number: int) -> None:
    """Have a digest scored, unless another one is being scored: then the page asks again. Raises NotFoundError."""
    with runtime().db.reading() as session:
        digest = get_with_articles(session, number)
        if not wants_spam_score(digest):
            return
        key, mail = (digest.id, digest.version), mail_to_score(runtime().settings, digest)
    if _asking.acquire(blocking=False):
        try:
            _scores.put(key, (spam_score(mail),))
        finally:
            _asking.release()
