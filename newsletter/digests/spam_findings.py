"""The finding on a digest that filters may take for spam, by SpamAssassin's points for the mail with all stories."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.tokens import TEST_TOKEN
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest
from newsletter.digests.rendering import render_digest, to_message
from newsletter.mail.encoding import encode
from newsletter.mail.formats import Format
from newsletter.mail.message import Recipient
from newsletter.mail.spam_score import SpamScore

SAID_FROM = 0.5
"""The part of the points that make spam. Other filters know more rules, so not all of them may be used up."""
_MOST_RULES = 5
_SALT = b"spam score"
"""Of the ids of a mail that nobody gets."""


def mail_to_score(settings: Settings, digest: Digest) -> bytes:
    """The mail with all stories in wire form, as if it went to the publication itself."""
    rendered = render_digest(digest, settings, corrections=digest.corrections)
    message = to_message(rendered, rendered.full_mask, Format.HTML, settings, id_salt=_SALT, date=clock.now())
    return encode(message).render(Recipient(0, settings.mail_from, TEST_TOKEN))


def check_spam_score(score: SpamScore | None) -> Iterator[Finding]:
    """The finding on a score that is high; none without a score."""
    if score is not None and score.points >= SAID_FROM * score.required:
        values = {"points": score.points, "required": score.required, "rules": ", ".join(score.rules[:_MOST_RULES])}
        yield Finding("mail.spam_score", "mail",
                      "SpamAssassin gives it %(points).1f points, and calls a mail spam from %(required).1f on: "
                      "%(rules)s.",
                      "Change what these rules are about.", values, blocks=False)  # fmt: skip
