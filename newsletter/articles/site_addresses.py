"""The public addresses of articles, part by part, for the sitemap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Article, Revision

PART = 5_000
"""Articles of a part. A sitemap may have 50,000 addresses (sitemaps.org/protocol.html), but those take 5 MB, which no
process caches (`web.page_cache`), and more than half a second at each request (measured)."""


class ArticleAddress(NamedTuple):
    """An article's slug, and the time of its newest revision."""

    slug: str
    changed_at: datetime


def count_parts(session: Session) -> int:
    """The number of parts. An article is always in the same one, by its number."""
    return -(-(session.scalar(select(func.max(Article.id))) or 0) // PART)


def addresses_of_part(session: Session, number: int) -> Sequence[ArticleAddress]:
    """The articles of a part, counted from 1, that are read here. Withdrawn ones keep their pages."""
    first = (number - 1) * PART + 1
    rows = session.execute(
        select(Article.slug, Revision.published_at)
        .join(Revision)
        .where(Revision.is_current, Article.url.is_(None), Revision.article_id.between(first, first + PART - 1))
        .order_by(Revision.article_id)
    )
    return [ArticleAddress(*row) for row in rows]
