"""Articles that show how trust is given: the last ones, and those with parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from newsletter.articles.grades import trust_grade
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision

LAST = 100
"""Articles that the figures are made from."""
_NEWEST_FIRST = (Revision.date.desc(), Revision.article_id.desc())


def count_grades(session: Session) -> Counter[str]:
    """How many of the LAST articles are high, fair and low."""
    scores = session.scalars(select(Revision.trust).where(is_listed()).order_by(*_NEWEST_FIRST).limit(LAST))
    return Counter(trust_grade(score).word for score in scores)


def examples(session: Session, rubric_id: int) -> Sequence[Revision]:
    """An article of each grade that was scored by parts of a rubric: of the LAST ones the newest, the highest first."""
    query = select(Revision.id, Revision.trust).where(is_listed(), Revision.rubric_id == rubric_id)
    newest: dict[str, int] = {}
    for number, score in session.execute(query.order_by(*_NEWEST_FIRST).limit(LAST)):
        newest.setdefault(trust_grade(score).word, number)
    found = select(Revision).where(Revision.id.in_(newest.values())).order_by(Revision.trust.desc())
    return session.scalars(found.options(joinedload(Revision.article))).all()
