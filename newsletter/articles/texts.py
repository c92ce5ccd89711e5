"""The texts of a revision as readers see them: Markdown is rendered; text stays text, letter for letter."""

from __future__ import annotations

from markupsafe import Markup, escape

from newsletter.articles import models
from newsletter.articles.models import Revision
from newsletter.core.markdown import block_html, block_text, line_html, line_mail_html, line_text


def body_html(revision: Revision) -> Markup:
    """The body as HTML of a page or a feed."""
    if _is_markdown(revision):
        return block_html(revision.body)
    return Markup("\n").join(Markup('<p dir="auto">{}</p>').format(each) for each in revision.paragraphs)


def body_text(revision: Revision) -> str:
    """The body as plain text, with an empty line between two paragraphs."""
    return block_text(revision.body) if _is_markdown(revision) else revision.body


def bullets_html(revision: Revision) -> list[Markup]:
    """The points of TL;DR as HTML of a page or a feed, without an element around each."""
    return [line_html(each) if _is_markdown(revision) else escape(each) for each in revision.bullets]


def bullets_mail_html(revision: Revision) -> list[Markup]:
    """The points of TL;DR as HTML of a mail, without an element around each."""
    return [line_mail_html(each) if _is_markdown(revision) else escape(each) for each in revision.bullets]


def bullets_text(revision: Revision) -> list[str]:
    """The points of TL;DR as plain text, each on a line."""
    return [line_text(each) if _is_markdown(revision) else each for each in revision.bullets]


def _is_markdown(revision: Revision) -> bool:
    return revision.markup == models.Markup.MARKDOWN
