"""Lists of articles, newest first, without withdrawn ones: columns of the newest revisions, without texts and
sources, page by page.

A page begins at a cursor, the place of an article in this order, so that new articles move no link. Each page costs the
same, wherever it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session

from newsletter.articles import article_search
from newsletter.articles.article_filter import EVERYTHING, ArticleFilter
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Article, Revision
from newsletter.core.search import FIRST, LARGEST_NUMBER, LAST, Place, label

_CURSOR = re.compile(r"(\d{4}-\d\d-\d\d)-(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Cursor:
    """The place of an article in the order of lists."""

    date: date
    article_id: int

    def __str__(self) -> str:
        return f"{self.date}-{self.article_id}"


def parse_cursor(text: str) -> Cursor | None:
    """The cursor that was written as `text`; None for any other text."""
    found = _CURSOR.fullmatch(text)
    try:
        return Cursor(date.fromisoformat(found[1]), int(found[2])) if found else None
    except ValueError:  # there is no such day
        return None


class ListedArticle(NamedTuple):
    """An article as lists show it."""

    article_id: int
    slug: str
    url: str | None
    """The address where it can be read, if that is elsewhere."""
    number: int
    language: str
    section: str
    date: date
    title: str
    dek: str
    trust: int
    hype: str
    source_count: int

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.date, self.article_id)


class ArticlePage(NamedTuple):
    """A page of the list, and where those with newer and with older articles begin; None where there are none."""

    articles: list[ListedArticle]
    newer: Cursor | None
    older: Cursor | None


_NEWEST_FIRST = (Revision.date.desc(), Revision.article_id.desc())
_OLDEST_FIRST = (Revision.date, Revision.article_id)


def article_page(
    session: Session,
    size: int,
    wanted: ArticleFilter = EVERYTHING,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
) -> ArticlePage:
    """The newest `size` of the wanted articles: of all, or of those older than `before`. With `after` the ones just
    newer than that; where fewer than a page are newer, the newest of all.
    """
    if after is not None:
        newer = _nearest(session, wanted, size + 1, after=after)
        if len(newer) >= size:
            articles, is_newest = newer[:size][::-1], len(newer) == size
            is_oldest = not _nearest(session, wanted, 1, before=articles[-1].cursor)
            return _page(articles, is_newest=is_newest, is_oldest=is_oldest)
        before = None
    older = _nearest(session, wanted, size + 1, before=before)
    articles = older[:size]
    is_newest = before is None or not articles or not _nearest(session, wanted, 1, after=articles[0].cursor)
    return _page(articles, is_newest=is_newest, is_oldest=len(older) <= size)


def latest_articles(session: Session, count: int | None = None) -> list[ListedArticle]:
    """The newest `count` articles, or all."""
    return _nearest(session, EVERYTHING, count)


def count_articles(session: Session, wanted: ArticleFilter) -> int:
    """The number of articles that a search finds there; MOST_COUNTED + 1 for all larger ones."""
    assert wanted.query is not None
    return article_search.INDEX.count(session, wanted.query, **_searched(wanted, None, None))


def _page(articles: list[ListedArticle], *, is_newest: bool, is_oldest: bool) -> ArticlePage:
    return ArticlePage(
        articles,
        newer=None if is_newest else articles[0].cursor,
        older=None if is_oldest else articles[-1].cursor,
    )


def _nearest(
    session: Session,
    wanted: ArticleFilter,
    count: int | None,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
) -> list[ListedArticle]:
    """At most `count` articles, the newest first; with `after` those that are newer, the oldest of them first."""
    listing = _listing()
    if wanted.query is None:
        listing = listing.where(*_conditions(wanted, before, after)).limit(count)
    else:
        assert count is not None
        searched = _searched(wanted, before, after)
        places = article_search.INDEX.find(session, wanted.query, count, oldest_first=after is not None, **searched)
        if not places:
            return []
        listing = listing.where(Revision.article_id.in_([place.number for place in places]))
    listing = listing.order_by(*(_NEWEST_FIRST if after is None else _OLDEST_FIRST))
    return [ListedArticle._make(row) for row in session.execute(listing)]


def _listing() -> Select[Any]:
    columns = (getattr(Article if name in ("slug", "url") else Revision, name) for name in ListedArticle._fields)
    return select(*columns).join(Article).where(is_listed())


def _conditions(wanted: ArticleFilter, before: Cursor | None, after: Cursor | None) -> Iterator[ColumnElement[bool]]:
    if wanted.section is not None:
        yield Revision.section == wanted.section
    if wanted.period is not None:
        yield Revision.date.between(wanted.period.first_day, wanted.period.last_day)
    place = tuple_(Revision.date, Revision.article_id)
    if before is not None:
        yield place < (before.date, before.article_id)
    if after is not None:
        yield place > (after.date, after.article_id)


def _searched(wanted: ArticleFilter, before: Cursor | None, after: Cursor | None) -> dict[str, Any]:
    """The same conditions for the index."""
    first, last = FIRST, LAST
    if wanted.period is not None:
        first, last = int(Place(wanted.period.first_day, 0)), int(Place(wanted.period.last_day, LARGEST_NUMBER))
    if before is not None:
        last = min(last, int(Place(before.date, before.article_id)) - 1)
    if after is not None:
        first = max(first, int(Place(after.date, after.article_id)) + 1)
    return {"labels": [label(wanted.section)] if wanted.section is not None else [], "first": first, "last": last}
