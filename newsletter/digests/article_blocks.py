"""An article as a rendered digest shows it: plain text on single lines, and links that are the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.articles.facts_line import facts_line
from newsletter.articles.models import Revision
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import Language
from newsletter.digests.text import one_line
from newsletter.mail.share_links import ShareLink, share_links


@dataclass(frozen=True)
class ArticleBlock:
    """The values of templates/mail/digest/article.mjml and article.txt."""

    language: str
    """The language tag of title, dek and bullets."""
    section: str
    day: str
    title: str
    dek: str
    facts: str
    """Like "Trust 69 · Some hype · 1 source"."""
    bullets: tuple[str, ...]
    url: str
    share: tuple[ShareLink, ...]


def article_block(revision: Revision, settings: Settings, language: Language) -> ArticleBlock:
    """The block of an article at `revision`, with the words around it in `language`."""
    title = one_line(revision.title)
    url = settings.url(public_paths.article(revision.slug))
    return ArticleBlock(
        language=revision.language,
        section=one_line(revision.section),
        day=language.day(revision.date),
        title=title,
        dek=one_line(revision.dek),
        facts=one_line(facts_line(revision, language)),
        bullets=tuple(one_line(bullet) for bullet in revision.bullets),
        url=url,
        share=tuple(ShareLink(language.gettext(link.word), link.href) for link in share_links(title, url)),
    )
