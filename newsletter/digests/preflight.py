"""The preflight: what must hold before a digest is scheduled, and once more before it is frozen.

It keeps the promises that readers are given. Each finding is data (`digests.findings`); a new check adds findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.languages import LANGUAGES
from newsletter.digests.address_findings import check_addresses
from newsletter.digests.findings import Finding
from newsletter.digests.foreign_content import find_foreign_content
from newsletter.digests.leads import outdated_texts
from newsletter.digests.letter_names import LONGEST_NUMBER, letter_name
from newsletter.digests.models import Digest
from newsletter.digests.pending_corrections import newest_correction
from newsletter.digests.queries import newer_revisions, withdrawn_articles
from newsletter.digests.rendering import RenderedDigest, render_digest

LARGEST = 95_000
"""Bytes of HTML. Gmail clips a mail of more than about 100 kB, and with the end goes the unsubscribe link."""


def check_digest(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
    """Everything that an editor should know before the digest is sent; an empty list when there is nothing."""
    if digest.cadence == Cadence.CORRECTION:
        return [*_check_settings(settings), *_check_correction(digest), *_check_mails(settings, digest)]
    findings = [*_check_settings(settings), *_check_articles(session, digest), *check_addresses(settings, digest)]
    if digest.items:
        findings += [*_check_lead(digest), *_check_texts(session, digest), *_check_mails(settings, digest)]
    return findings


def _check_settings(settings: Settings) -> Iterator[Finding]:
    if not settings.mail_postal_address:
        yield Finding(
            "setting.postal_address",
            "settings",
            "MAIL_POSTAL_ADDRESS is not set, and every mail must show a postal address.",
            "Set it.",
        )


def _check_articles(session: Session, digest: Digest) -> Iterator[Finding]:
    if not digest.items:
        yield Finding("digest.empty", "articles", "It holds no article.", "Add one.")
    for withdrawn in withdrawn_articles(session, digest):
        yield Finding(
            "article.withdrawn",
            "articles",
            "“%(title)s” is withdrawn.",
            "Drop it.",
            {"slug": withdrawn.slug, "title": withdrawn.title},
        )
    for taken, newest in newer_revisions(session, digest):
        yield Finding(
            "article.changed",
            "articles",
            "“%(title)s” has changed since: the digest holds revision %(revision)d, the newest is %(newest)d.",
            "Refresh the draft to take the newest.",
            {"slug": taken.slug, "title": taken.title, "revision": taken.number, "newest": newest.number},
            blocks=False,
        )


def _check_correction(digest: Digest) -> Iterator[Finding]:
    for taken in digest.corrections:
        if newest_correction(taken.article) is not taken:
            yield Finding(
                "correction.outdated",
                "articles",
                "“%(title)s” has changed since: this correction of it is not the newest, or does not stand any more.",
                "Refresh the draft to take the newest, or cancel it.",
                {"slug": taken.slug, "title": taken.title, "revision": taken.number},
            )


def _check_lead(digest: Digest) -> Iterator[Finding]:
    lead = digest.lead
    if lead is None:
        yield Finding(
            "lead.none",
            "articles",
            "No article has the trust of %(least)d that its lead needs: nobody gets the written subject.",
            "Add an article of that trust, or each edition is named after its own first headline.",
            {"least": digest.min_trust},
            blocks=False,
        )
        return
    named = next((each for each in digest.revisions if each.article_id == digest.lead_id), lead)
    if named is not lead:
        yield Finding(
            "lead.below_trust",
            "articles",
            "“%(title)s” was named as the lead, but has trust %(trust)d, below %(least)d: now the lead is “%(lead)s”.",
            "Name another lead.",
            {
                "slug": named.slug,
                "title": named.title,
                "trust": named.trust,
                "least": digest.min_trust,
                "lead": lead.title,
            },
            blocks=False,
        )


def _check_texts(session: Session, digest: Digest) -> Iterator[Finding]:
    """Texts may promise the story that was the lead when they were written."""
    for names, written_for, lead in outdated_texts(session, digest):
        if written_for.article_id == lead.article_id:
            code = "text.other_headline"
            message = "Written when the lead's headline was “%(title)s”: %(texts)s. Now it is “%(lead)s”."
        elif any(each.article_id == written_for.article_id for each in digest.revisions):
            code = "text.other_lead"
            message = "Written when “%(title)s” was the lead: %(texts)s. Now the lead is “%(lead)s”."
        else:
            code = "text.dropped_lead"
            message = "Written for “%(title)s”, which is no longer there: %(texts)s. Now the lead is “%(lead)s”."
        values = {"texts": ", ".join(names), "slug": written_for.slug, "title": written_for.title, "lead": lead.title}
        yield Finding(code, "texts", message, "Write it for the present lead.", values, blocks=False)


def _check_mails(settings: Settings, digest: Digest) -> Iterator[Finding]:
    """Look at the mail with all that the digest holds, in each language."""
    day = (digest.scheduled_at or clock.now()).astimezone(settings.timezone).date()
    name = letter_name(day, digest.cadence, LONGEST_NUMBER)
    rendered = [
        render_digest(digest, settings, name, corrections=digest.corrections, day=day, language=language)
        for language in LANGUAGES
    ]
    yield from check_rendered(rendered)


def check_rendered(rendered: Sequence[RenderedDigest]) -> Iterator[Finding]:
    """Find what no mail of the digest may be or hold; a finding of several languages counts once."""
    pages = [each.edition(each.full_mask)[0] for each in rendered]
    if (size := max(each.most_html_bytes for each in rendered)) > LARGEST:
        yield Finding(
            "mail.too_large",
            "mail",
            "Its HTML has %(size)d bytes, and mailboxes cut off all that follows %(most)d.",
            "It needs fewer or shorter articles.",
            {"size": size, "most": LARGEST},
        )
    found = {(each.code, each.sentence): each for html in pages for each in find_foreign_content(html)}
    yield from found.values()
