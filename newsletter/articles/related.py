"""Other articles of a section, for the foot of an article's page."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision


def others_in_section(session: Session, section: str, article_id: int, count: int) -> list[Revision]:
    """The newest `count` articles of a section, without this one."""
    query = select(Revision).where(is_listed(), Revision.section == section, Revision.article_id != article_id)
    query = query.options(joinedload(Revision.article)).order_by(Revision.date.desc(), Revision.article_id.desc())
    return list(session.scalars(query.limit(count)))
