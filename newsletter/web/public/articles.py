"""Articles in public: the plain page that mails link to and share, and every revision."""

from __future__ import annotations

from flask import abort, render_template
from flask.typing import ResponseReturnValue

from newsletter.articles import queries
from newsletter.articles.models import Article, Revision
from newsletter.core import public_paths
from newsletter.core.errors import NotFoundError
from newsletter.core.runtime import runtime
from newsletter.mail.share_links import share_links
from newsletter.web.kept_pages import kept_page
from newsletter.web.public.blueprint import pages


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
