"""Articles in public: the list, the plain page that mails link to and share, and every revision."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from newsletter.articles import article_list, queries
from newsletter.articles.article_list import Cursor
from newsletter.articles.models import Article, Revision
from newsletter.core import public_paths
from newsletter.core.errors import NotFoundError
from newsletter.core.runtime import runtime
from newsletter.mail.share_links import share_links
from newsletter.web.kept_pages import kept_page
from newsletter.web.language import keep_query
from newsletter.web.public.blueprint import pages

PAGE_SIZE = 10
"""Stories of a page of the list."""


@pages.get(public_paths.ARTICLES)
@kept_page
def articles() -> str:
    """The stories, the newest first: a page that `?before=` or `?after=` a cursor begins, else the newest."""
    cursors = {name: _cursor(request.args[name]) for name in ("before", "after") if name in request.args}
    if len(cursors) > 1:
        abort(404)
    keep_query(*((name, str(cursor)) for name, cursor in cursors.items()))
    with runtime().db.reading() as session:
        page = article_list.article_page(session, PAGE_SIZE, **cursors)
    if cursors and not page.articles:
        abort(404)
    return render_template("articles.html", page=page)


def _cursor(text: str) -> Cursor:
    return article_list.parse_cursor(text) or abort(404)


@pages.get(public_paths.article("<slug>"))
@kept_page
def article(slug: str) -> ResponseReturnValue:
    """A story as it is now."""
    return _page(slug, None)


@pages.get(public_paths.revision("<slug>", "<int:number>"))
@kept_page
def revision(slug: str, number: int) -> ResponseReturnValue:
    """A story as it was; what was public stays public."""
    return _page(slug, number)


def _page(slug: str, number: int | None) -> str:
    with runtime().db.reading() as session:
        try:
            found = queries.get_article(session, slug)
        except NotFoundError:
            abort(404)
        shown = _revision(found, number)
        address = runtime().settings.url(public_paths.article(found.slug))
        share = share_links(found.current.title, address)
        return render_template("article.html", article=found, revision=shown, address=address, share=share)


def _revision(found: Article, number: int | None) -> Revision:
    """The revision of that number; the newest for None."""
    if number is None:
        return found.current
    shown = next((revision for revision in found.revisions if revision.number == number), None)
    return shown or abort(404)
