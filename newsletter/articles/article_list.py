"""Lists of articles, newest first, without withdrawn ones: columns of the newest revisions, without texts and
sources, page by page.

A page begins at a cursor, the place of an article in this order, so that new articles move no link. Each page costs the
same, wherever it lies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session

from newsletter.articles.listed import is_listed
from newsletter.articles.models import Article, Revision

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
    session: Session, size: int, *, before: Cursor | None = None, after: Cursor | None = None
) -> ArticlePage:
    """The newest `size` articles: of all, or of those older than `before`. With `after` the ones just newer than that;
    where fewer than a page are newer, the newest of all.
    """
    articles = _just_newer(session, size, after) if after is not None else []
    if len(articles) < size:
        articles = _newest(session, size, before if after is None else None)
    if not articles:
        return ArticlePage([], None, None)
    first, last = articles[0].cursor, articles[-1].cursor
    return ArticlePage(
        articles,
        newer=first if _is_any(session, _is_newer(first)) else None,
        older=last if _is_any(session, _is_older(last)) else None,
    )


def latest_articles(session: Session, count: int | None = None) -> list[ListedArticle]:
    """The newest `count` articles, or all."""
    return _newest(session, count, None)


def _newest(session: Session, count: int | None, before: Cursor | None) -> list[ListedArticle]:
    query = _listing() if before is None else _listing().where(_is_older(before))
    return [ListedArticle._make(row) for row in session.execute(query.order_by(*_NEWEST_FIRST).limit(count))]


def _just_newer(session: Session, count: int, after: Cursor) -> list[ListedArticle]:
    query = _listing().where(_is_newer(after)).order_by(*_OLDEST_FIRST).limit(count)
    return [ListedArticle._make(row) for row in session.execute(query)][::-1]


def _listing() -> Select[Any]:
    columns = (Article.slug if name == "slug" else getattr(Revision, name) for name in ListedArticle._fields)
    return select(*columns).join(Article).where(is_listed())


def _is_older(cursor: Cursor) -> ColumnElement[bool]:
    return tuple_(Revision.date, Revision.article_id) < (cursor.date, cursor.article_id)


def _is_newer(cursor: Cursor) -> ColumnElement[bool]:
    return tuple_(Revision.date, Revision.article_id) > (cursor.date, cursor.article_id)


def _is_any(session: Session, condition: ColumnElement[bool]) -> bool:
    return session.scalar(select(Revision.id).where(is_listed(), condition).limit(1)) is not None
