"""A story: as it is now, and as it was at each revision."""

from __future__ import annotations

from textwrap import shorten
from typing import Any, NamedTuple

from flask import abort, render_template
from sqlalchemy.orm import Session

from newsletter.articles import related, texts
from newsletter.articles.addresses import article_address
from newsletter.articles.listed_revisions import ListedRevision
from newsletter.articles.models import Revision
from newsletter.articles.revision_history import History, read_history, read_revisions
from newsletter.articles.rubrics import parts_of
from newsletter.articles.share_image import HEIGHT, WIDTH
from newsletter.core import public_paths
from newsletter.core.errors import NotFoundError
from newsletter.core.runtime import runtime
from newsletter.mail.share_links import page_share_links
from newsletter.web.language import page_language
from newsletter.web.page_cache import cached_page
from newsletter.web.public.blueprint import pages
from newsletter.web.public.structured_data import json_ld

LONGEST_SUMMARY = 200
"""Characters of the text that stand for a missing introduction where the story is shared."""
ALSO_SHOWN = 3
"""Other stories of the section."""


@pages.get(public_paths.article("<slug>"))
@cached_page
def article(slug: str) -> str:
    """A story as it is now. A withdrawn one says so, and its words stay in the history."""
    return _page(slug, None)


@pages.get(public_paths.revision("<slug>", "<int:number>"))
@cached_page
def revision(slug: str, number: int) -> str:
    """A story as it was; what was public stays public."""
    return _page(slug, number)


class ScoredPart(NamedTuple):
    """A part of a score, in the language of the page."""

    name: str
    points: int
    most: int


def _page(slug: str, number: int | None) -> str:
    with runtime().db.reading() as session:
        history = history_or_404(session, slug)
        entry = history.newest if number is None else history.entry(number) or abort(404)
        shown = read_revisions(session, [entry])[entry.number]
        values = story_values(session, history, entry, shown)
    return render_template("article.html", **values)


def story_values(session: Session, history: History, entry: ListedRevision, shown: Revision) -> dict[str, Any]:
    """The values of a story's page. The desk shows drafts by the same: `shown` need not be stored."""
    settings = runtime().settings
    address = article_address(settings, history.slug, history.newest.url)
    image = settings.url(public_paths.share_image(history.slug, entry.number))
    return {
        "history": history,
        "revision": shown,
        "parts": scored_parts(shown),
        "bullets": texts.bullets_html(shown),
        "body": texts.body_html(shown),
        "summary": _summary(shown),
        "correction": _correction(history, entry),
        "address": address,
        "is_elsewhere": address != settings.url(public_paths.article(history.slug)),
        "share": page_share_links(shown.title, address),
        "image": image,
        "image_size": (WIDTH, HEIGHT),
        "also": related.others_in_section(session, shown.section, history.newest.article_id, ALSO_SHOWN),
        "json_ld": json_ld(settings, history, shown, address=address, image=image),
    }


def _summary(shown: Revision) -> str:
    """The words for the story where it is shared: of a withdrawn one, the sentence that says why."""
    if shown.is_withdrawal:
        return shown.note or ""
    return shown.dek or shorten(texts.body_text(shown), LONGEST_SUMMARY, placeholder="…")


def history_or_404(session: Session, slug: str) -> History:
    """The history of an article; the page of a 404 where there is none."""
    try:
        return read_history(session, slug)
    except NotFoundError:
        abort(404)


def scored_parts(revision: Revision) -> list[ScoredPart]:
    """The parts of a revision's score, as far as the rubric that it was given under has them."""
    if revision.trust_parts is None or revision.rubric is None:
        return []
    points = {part["key"]: part["points"] for part in revision.trust_parts}
    language = page_language().code
    return [
        ScoredPart(part.in_language(language).name, points[part.key], part.most)
        for part in parts_of(revision.rubric)
        if part.key in points
    ]


def _correction(history: History, shown: ListedRevision) -> ListedRevision | None:
    """The correction that the page tells of: the newest; of a revision as it was the first that came later, if any."""
    if shown == history.newest:
        return next(iter(history.corrections), None)
    later = [entry for entry in history.corrections if entry.number > shown.number]
    return later[-1] if later else next((e for e in history.corrections if e.number <= shown.number), None)
