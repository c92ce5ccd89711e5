"""Articles for feeds: the newest with all their texts, the times that readers are told, and the newest corrections."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, contains_eager

from newsletter.articles.listed import is_listed
from newsletter.articles.listed_revisions import is_correcting
from newsletter.articles.models import Revision, RevisionKind

TOLD = (RevisionKind.FIRST, RevisionKind.UPDATE, RevisionKind.CORRECTION)
"""The kinds of revisions that move the time of an article. Nobody has to read it again for a small change."""


class ArticleTimes(NamedTuple):
    """The time of an article's first revision, and of its last update or correction."""

    published: datetime
    updated: datetime


def newest_articles(session: Session, count: int, section: str | None = None) -> Sequence[Revision]:
    """The newest `count` articles, or those of a section, in the order of lists."""
    query = select(Revision).join(Revision.article).options(contains_eager(Revision.article)).where(is_listed())
    if section is not None:
        query = query.where(Revision.section == section)
    return session.scalars(query.order_by(Revision.date.desc(), Revision.article_id.desc()).limit(count)).all()


def newest_corrections(session: Session, count: int) -> Sequence[Revision]:
    """The last `count` corrections and withdrawals, the newest first."""
    return session.scalars(
        select(Revision)
        .join(Revision.article)
        .options(contains_eager(Revision.article))
        .where(is_correcting())
        .order_by(Revision.published_at.desc(), Revision.id.desc())
        .limit(count)
    ).all()


def last_change(session: Session) -> datetime | None:
    """The time at which the newest revision of all came in, whatever time it bears."""
    return session.scalar(select(Revision.created_at).order_by(Revision.id.desc()).limit(1))


def article_times(session: Session, article_ids: Collection[int]) -> dict[int, ArticleTimes]:
    """The times of each of these articles."""
    first = func.min(case((Revision.kind == RevisionKind.FIRST, Revision.published_at)))
    rows = session.execute(
        select(Revision.article_id, first, func.max(Revision.published_at))
        .where(Revision.article_id.in_(article_ids), Revision.kind.in_(TOLD))
        .group_by(Revision.article_id)
    )
    return {article_id: ArticleTimes(published, updated) for article_id, published, updated in rows}
