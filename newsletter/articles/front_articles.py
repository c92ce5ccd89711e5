"""Articles of the front page: the newest of each section, and those that were corrected lately."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.article_list import ListedArticle, latest_articles
from newsletter.articles.grades import FAIR_TRUST
from newsletter.articles.listed_revisions import is_correcting
from newsletter.articles.models import Article, Revision

LOOKED_AT = 60
"""The newest articles among which each section's newest is looked for."""


def latest_by_section(session: Session, count: int) -> list[ListedArticle]:
    """The newest article of each section, filled up to `count` with further new ones; the newest first.

    One of low trust is not the first of them, as it is no lead of a digest either, unless all are.
    """
    articles = latest_articles(session, LOOKED_AT)
    first_of = {article.section: article for article in reversed(articles)}
    chosen = [article for article in articles if first_of[article.section] is article]
    chosen += [article for article in articles if first_of[article.section] is not article]
    newest = sorted(chosen[:count], key=articles.index)
    top = next((article for article in newest if article.trust >= FAIR_TRUST), None)
    return sorted(newest, key=lambda article: article is not top)


def top_revision(session: Session, articles: list[ListedArticle]) -> Revision | None:
    """The whole revision of the first of them."""
    if not articles:
        return None
    first = articles[0]
    return session.scalar(select(Revision).filter_by(article_id=first.article_id, number=first.number))


class Corrected(NamedTuple):
    """A correction or a withdrawal, as the front page mentions it."""

    slug: str
    title: str
    language: str
    note: str
    published_at: datetime


def corrected_since(session: Session, since: datetime, count: int) -> list[Corrected]:
    """The newest corrections that were published later than `since`, of as many articles at most."""
    columns = (Article.slug, Revision.title, Revision.language, Revision.note, Revision.published_at)
    query = select(*columns).join(Article).where(is_correcting(), Revision.published_at > since)
    rows = session.execute(query.order_by(Revision.published_at.desc(), Revision.id.desc()).limit(count))
    return [Corrected._make(row) for row in rows]
