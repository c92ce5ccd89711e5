"""An article as a rendered digest shows it: texts on single lines, and links that are the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from newsletter.articles.addresses import article_address
from newsletter.articles.facts_line import credits_of, hype_and_sources, trust_in_words
from newsletter.articles.models import Revision
from newsletter.articles.texts import bullets_mail_html, bullets_text
from newsletter.core.config import Settings
from newsletter.core.languages import Language
from newsletter.digests.headings import short_headline
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
    short_title: str
    """For the list of headlines."""
    dek: str
    trust: str
    """Like "Trust 69 of 100 · fair"."""
    facts: str
    """Like "Some hype · 1 source", and who wrote and checked it where that was given."""
    bullets: tuple[Markup, ...]
    """As HTML."""
    bullets_text: tuple[str, ...]
    url: str
    """The address where it is read."""
    share: tuple[ShareLink, ...]


def article_block(revision: Revision, settings: Settings, language: Language, *, dek: str) -> ArticleBlock:
    """The block of an article at `revision` with the digest's `dek`, with the words around it in `language`."""
    title = one_line(revision.title)
    url = article_address(settings, revision.slug, revision.url)
    return ArticleBlock(
        language=revision.language,
        section=one_line(revision.section),
        day=language.day(revision.date),
        title=title,
        short_title=short_headline(title),
        dek=one_line(dek),
        trust=trust_in_words(revision, language),
        facts=one_line(" · ".join([*hype_and_sources(revision, language), *credits_of(revision, language)])),
        bullets=tuple(Markup(one_line(each)) for each in bullets_mail_html(revision)),  # noqa: S704 - HTML already
        bullets_text=tuple(one_line(each) for each in bullets_text(revision)),
        url=url,
        share=tuple(ShareLink(language.gettext(link.word), link.href) for link in share_links(title, url)),
    )
