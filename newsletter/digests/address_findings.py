"""Findings about addresses: those at which stories are read, and those of their sources."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.articles.addresses import article_address
from newsletter.articles.models import Revision
from newsletter.core.config import Settings
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest


def check_addresses(settings: Settings, digest: Digest) -> Iterator[Finding]:
    """Notes on stories that live elsewhere without encryption, and on sources that readers cannot follow."""
    for revision in digest.revisions:
        address = article_address(settings, revision.slug, revision.url)
        if address.startswith("http:") and (revision.url or settings.article_url):
            yield _note(revision, "article.insecure_address", "“%(title)s” is read at %(address)s, without encryption.",
                        "Give an address that begins with https.", address=address)  # fmt: skip
        if missing := sum(not source.url for source in revision.sources):
            yield _note(revision, "article.source_without_address",
                        "“%(title)s” has sources without an address: %(count)d of %(sources)d.",
                        "Give their addresses, so that readers can check them.",
                        count=missing, sources=len(revision.sources))  # fmt: skip


def _note(revision: Revision, code: str, message: str, remedy: str, **values: object) -> Finding:
    named = {"slug": revision.slug, "title": revision.title, **values}
    return Finding(code, "articles", message, remedy, named, blocks=False)
