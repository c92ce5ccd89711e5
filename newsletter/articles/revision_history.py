"""The history of an article for its pages: its revisions, those that were corrections, and how long these took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from newsletter.articles.listed_revisions import ListedRevision, article_history
from newsletter.articles.models import PublishedBasis, Revision


@dataclass(frozen=True)
class History:
    """The revisions of an article."""

    entries: Sequence[ListedRevision]
    """The newest first; there is one at least."""

    @property
    def newest(self) -> ListedRevision:
        return self.entries[0]

    @property
    def first(self) -> ListedRevision:
        return self.entries[-1]

    @property
    def slug(self) -> str:
        return self.newest.slug

    @property
    def corrections(self) -> list[ListedRevision]:
        """Corrections and withdrawals, the newest first."""
        return [entry for entry in self.entries if entry.is_correcting]

    def entry(self, number: int) -> ListedRevision | None:
        """The entry of that number, if there is one."""
        return next((entry for entry in self.entries if entry.number == number), None)


class Since(StrEnum):
    """The moment from which the time to a correction counts."""

    REPORT = "report"
    PUBLICATION = "publication"


class Delay(NamedTuple):
    """The time that a correction took."""

    duration: timedelta
    since: Since
    is_in_days: bool
    """Whether only days are known, since a page has a date and no time."""


class Publication(NamedTuple):
    """The time at which an article was published first, and where it comes from."""

    published_at: datetime
    published_at_basis: PublishedBasis


def read_history(session: Session, slug: str) -> History:
    """The history of an article. Raises NotFoundError."""
    return History(article_history(session, slug))


def read_revisions(session: Session, entries: Collection[ListedRevision]) -> dict[int, Revision]:
    """The revisions of some entries of one article with their texts and rubrics, by number."""
    query = select(Revision).where(Revision.id.in_([entry.revision_id for entry in entries]))
    query = query.options(joinedload(Revision.rubric), joinedload(Revision.article))
    return {revision.number: revision for revision in session.scalars(query)}


def first_publications(session: Session, article_ids: Collection[int]) -> dict[int, Publication]:
    """The first publication of each article, by its id."""
    columns = (Revision.article_id, Revision.published_at, Revision.published_at_basis)
    query = select(*columns).where(Revision.article_id.in_(article_ids), Revision.number == 1)
    return {article_id: Publication(when, basis) for article_id, when, basis in session.execute(query)}


def delays(entry: ListedRevision, first: Publication | ListedRevision) -> list[Delay]:
    """The time since the first publication, and that since the report where one is known; none for revisions that put
    nothing right.
    """
    if not entry.is_correcting:
        return []
    is_in_days = PublishedBasis.PAGE_DATE in (entry.published_at_basis, first.published_at_basis)
    found = [Delay(entry.published_at - first.published_at, Since.PUBLICATION, is_in_days)]
    if entry.reported_at is not None:
        found.append(Delay(entry.published_at - entry.reported_at, Since.REPORT, is_in_days=False))
    return found
