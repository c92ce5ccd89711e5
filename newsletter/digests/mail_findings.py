"""Findings about the mail as it would be sent, with all stories, in each language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.languages import LANGUAGES
from newsletter.digests.findings import Finding
from newsletter.digests.foreign_content import find_foreign_content
from newsletter.digests.letter_names import LONGEST_NUMBER, letter_name
from newsletter.digests.links.digest_links import DigestLink
from newsletter.digests.models import Digest
from newsletter.digests.rendering import RenderedDigest, render_digest, to_message
from newsletter.digests.text_findings import heading_jump, intro_jump
from newsletter.mail.contrast import faint_texts
from newsletter.mail.formats import Format
from newsletter.mail.message_checks import check_message
from newsletter.mail.public_copy import personal_addresses, public_copy

LARGEST = 95_000
"""Bytes of HTML. Gmail clips a mail of more than about 100 kB, and with the end goes the unsubscribe link."""
_SALT = b"preflight"
"""Of the ids of a message that nobody gets."""


def check_mails(settings: Settings, digest: Digest, links: Sequence[DigestLink]) -> Iterator[Finding]:
    """The findings on size, content and look. One of several languages counts once."""
    day = (digest.scheduled_at or clock.now()).astimezone(settings.timezone).date()
    name = letter_name(day, digest.cadence, LONGEST_NUMBER)
    rendered = [
        render_digest(digest, settings, name, corrections=digest.corrections, day=day, language=language)
        for language in LANGUAGES
    ]
    found = check_rendered(settings, rendered, links)
    # A jump among the headings of the intro is said there.
    yield from (each for each in found if each.code != "mail.heading_order" or not intro_jump(digest.intro))


def check_rendered(
    settings: Settings, rendered: Sequence[RenderedDigest], links: Sequence[DigestLink] = ()
) -> Iterator[Finding]:
    """Find what no mail of the digest may be or hold. `links` tell at which place one stands."""
    if (size := max(each.most_html_bytes for each in rendered)) > LARGEST:
        yield Finding(
            "mail.too_large",
            "mail",
            "Its HTML has %(size)d bytes, and mailboxes cut off all that follows %(most)d.",
            "It needs fewer or shorter articles.",
            {"size": size, "most": LARGEST},
        )
    found = [finding for each in rendered for finding in _check_mail(settings, each, links)]
    yield from {(each.code, each.sentence): each for each in found}.values()


def _check_mail(settings: Settings, rendered: RenderedDigest, links: Sequence[DigestLink]) -> Iterator[Finding]:
    message = to_message(rendered, rendered.full_mask, Format.HTML, settings, id_salt=_SALT, date=clock.now())
    checks = check_message(public_copy(message), personal_addresses(settings))
    yield from find_foreign_content(checks, links)
    if jump := heading_jump(checks.elements, level=0):
        yield Finding("mail.heading_order", "mail",
                      "A heading of level %(after)d follows one of level %(before)d.",
                      "Mend the template: screen readers lead by headings.",
                      {"before": jump[0], "after": jump[1]}, blocks=False)  # fmt: skip
    html, _ = rendered.edition(rendered.full_mask)
    for text in faint_texts(html)[:1]:
        yield Finding("mail.contrast", "mail",
                      "“%(words)s” has a contrast of %(ratio)s to 1, and needs %(least)s.",
                      "Mend the colours of the template.",
                      {"words": text.words, "ratio": f"{text.ratio:.1f}", "least": f"{text.least:.1f}"},
                      blocks=False)  # fmt: skip
