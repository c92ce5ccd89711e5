"""The links that a digest's editors wrote, each with the place where it stands.

Links of the mail's frame, such as the one to the preferences, come from templates and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from newsletter.articles.addresses import article_address
from newsletter.articles.models import Revision
from newsletter.articles.texts import bullets_mail_html
from newsletter.core.config import Settings
from newsletter.core.markdown import block_mail_html
from newsletter.digests.models import Digest
from newsletter.mail.html_references import MailLink, References


class DigestLink(NamedTuple):
    """A link of a digest."""

    address: str
    words: str
    article: Revision | None
    """The story at which it stands; None: the intro."""
    is_mailed: bool = True
    """Whether it stands in the mail. The addresses of sources are on the story's page alone."""

    @property
    def place(self) -> dict[str, object]:
        """The place, for the values of a finding: the story by `slug` and `title`, or `text`; `place` is for people."""
        if self.article is None:
            return {"text": "intro", "place": "The intro"}
        return {"slug": self.article.slug, "title": self.article.title, "place": f"“{self.article.title}”"}

    @property
    def where(self) -> str:
        """The place in the words of a finding."""
        return "texts" if self.article is None else "articles"


def digest_links(settings: Settings, digest: Digest) -> Iterator[DigestLink]:
    """All links, in the order of the mail; those of sources last."""
    for link in _links_in(str(block_mail_html(digest.intro))):
        yield DigestLink(link.address, link.words, None)
    for revision in digest.revisions:
        yield DigestLink(article_address(settings, revision.slug, revision.url), revision.title, revision)
        for bullet in bullets_mail_html(revision):
            for link in _links_in(str(bullet)):
                yield DigestLink(link.address, link.words, revision)
    for revision in digest.revisions:
        for source in revision.sources:
            if source.url:
                yield DigestLink(source.url, source.title, revision, is_mailed=False)


def _links_in(html: str) -> list[MailLink]:
    """Most points hold none, and to parse those of a digest takes longer than all else here."""
    return References(html).links if "<a" in html else []
