"""The preflight: what must hold before a digest is scheduled, and once more before it is frozen.

It keeps the promises that readers are given. Each finding is data (`digests.findings`); a new check adds findings.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.languages import LANGUAGES
from newsletter.digests.findings import Finding
from newsletter.digests.foreign_content import find_foreign_content
from newsletter.digests.models import Digest
from newsletter.digests.queries import newer_revisions
from newsletter.digests.rendering import render_digest

LARGEST = 95_000
"""Bytes of HTML. Gmail clips a mail of more than about 100 kB, and with the end goes the unsubscribe link."""


def check_digest(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
    """Everything that an editor should know before the digest is sent; an empty list when there is nothing."""
    findings = [*_check_settings(settings), *_check_articles(session, digest)]
    if digest.items:
        findings += _check_mails(settings, digest)
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
    for taken, newest in newer_revisions(session, digest):
        yield Finding(
            "article.changed",
            "articles",
            "“%(title)s” has changed since: the digest holds revision %(revision)d, the newest is %(newest)d.",
            "Refresh the draft to take the newest.",
            {"slug": taken.slug, "title": taken.title, "revision": taken.number, "newest": newest.number},
            blocks=False,
        )


def _check_mails(settings: Settings, digest: Digest) -> Iterator[Finding]:
    """Look at the mail with all articles in each language. A finding of several languages counts once."""
    rendered = [render_digest(digest, settings, language=language) for language in LANGUAGES]
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
