"""All corrections and withdrawals, as a promise that is kept in the open."""

from __future__ import annotations

from flask import abort, render_template, request

from newsletter.articles import listed_revisions
from newsletter.articles.listed_revisions import parse_correction_cursor
from newsletter.articles.revision_history import delays, first_publications
from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.web.language import keep_query
from newsletter.web.page_cache import cached_page_by
from newsletter.web.public.blueprint import pages

PAGE_SIZE = 20


@pages.get(public_paths.CORRECTIONS)
@cached_page_by("before")
def corrections() -> str:
    """The corrections, the newest first: those older than the one at `?before=` a cursor, else the newest."""
    before = None
    if "before" in request.args:
        before = parse_correction_cursor(request.args["before"]) or abort(404)
        keep_query(("before", str(before)))
    with runtime().db.reading() as session:
        page = listed_revisions.corrections(session, PAGE_SIZE, before=before)
        first = first_publications(session, {each.article_id for each in page.corrections})
    if before and not page.corrections:
        abort(404)
    return render_template(
        "corrections.html",
        corrections=[(each, delays(each, first[each.article_id])) for each in page.corrections],
        older=page.older,
        is_newest=before is None,
    )
