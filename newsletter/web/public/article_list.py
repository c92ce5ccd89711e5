"""The list of stories: all, or those of a section, of a month or a year, or with some words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from flask import abort, render_template, request, url_for
from sqlalchemy.orm import Session

from newsletter.articles import article_list, periods
from newsletter.articles.article_filter import ArticleFilter, Period, parse_period
from newsletter.articles.article_list import Cursor
from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.core.search import SearchQuery
from newsletter.web.language import keep_query
from newsletter.web.navigation import sections_in_use
from newsletter.web.page_cache import cached_page_by
from newsletter.web.public.blueprint import pages

PAGE_SIZE = 10
"""Stories of a page of the list."""
MOST_WIDER = 2
"""Words of a search without a hit that are tried alone."""


class Wider(NamedTuple):
    """A wider search, for when one found nothing."""

    wanted: ArticleFilter
    hits: int


@pages.get(public_paths.ARTICLES)
@cached_page_by("q", "section", "month", "before", "after")
def articles() -> str:
    """The stories, the newest first: a page that `?before=` or `?after=` a cursor begins, else the newest."""
    cursors = {name: _cursor(request.args[name]) for name in ("before", "after") if name in request.args}
    if len(cursors) > 1:
        abort(404)
    sections = sections_in_use()
    with runtime().db.reading() as session:
        wanted = _wanted(sections)
        keep_query(*_parameters(wanted), *((name, str(cursor)) for name, cursor in cursors.items()))
        page = article_list.article_page(
            session, PAGE_SIZE, wanted, before=cursors.get("before"), after=cursors.get("after")
        )
        if cursors and not page.articles:
            abort(404)
        months, years = periods.periods_in_use(session, wanted.period.year if wanted.period else None)
        return render_template(
            "articles.html",
            wanted=wanted,
            page=page,
            count=article_list.count_articles(session, wanted) if wanted.query and page.articles else 0,
            wider=_wider(session, wanted) if wanted.query and not page.articles else [],
            sections=sections,
            months=months,
            years=years,
            part_of=lambda period: replace(wanted, period=period),
            path_of=path_of,
        )


def path_of(wanted: ArticleFilter, *, before: Cursor | None = None, after: Cursor | None = None) -> str:
    """The path of a list in the language of this page."""
    values: dict[str, Any] = {**dict(_parameters(wanted)), "before": before, "after": after}
    return url_for("public.articles", **values)


def _parameters(wanted: ArticleFilter) -> list[tuple[str, str]]:
    named = {
        "q": wanted.query.text if wanted.query else None,
        "section": wanted.section,
        "month": str(wanted.period) if wanted.period else None,
    }
    return [(name, value) for name, value in named.items() if value is not None]


def _wanted(sections: list[str]) -> ArticleFilter:
    """The filter in the address. A field of the form that is empty stands for all; 404 for a section that is not
    there, and for what is neither month nor year."""
    section, month = request.args.get("section") or None, request.args.get("month") or None
    if section is not None and section not in sections:
        abort(404)
    return ArticleFilter(
        section,
        None if month is None else _period(month),
        SearchQuery.parse(request.args.get("q", "")),
    )


def _wider(session: Session, wanted: ArticleFilter) -> list[Wider]:
    """Searches that find something: the same words everywhere, else each word alone."""
    assert wanted.query is not None
    everywhere = ArticleFilter(query=wanted.query)
    tried = [everywhere] if everywhere != wanted else []
    tried += [ArticleFilter(query=word) for word in wanted.query.word_by_word()[:MOST_WIDER]]
    found = [Wider(each, article_list.count_articles(session, each)) for each in tried]
    return [each for each in found if each.hits]


def _cursor(text: str) -> Cursor:
    return article_list.parse_cursor(text) or abort(404)


def _period(text: str) -> Period:
    return parse_period(text) or abort(404)
