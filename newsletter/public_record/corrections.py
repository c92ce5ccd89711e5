"""Corrections by month, and the time that they took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from newsletter.articles.models import CORRECTING, Revision, RevisionKind
from newsletter.support.months import month_of


@dataclass(frozen=True)
class MonthOfCorrections:
    """The corrections that were published in a month, withdrawals among them."""

    from_report: tuple[timedelta, ...]
    """The time from the report of the mistake, where it is known."""
    from_publication: tuple[timedelta, ...]
    """Else the time from the article's first publication."""

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.from_report) + len(self.from_publication)

    @property
    def median(self) -> timedelta | None:
        """The median time; None without corrections."""
        seconds = [time.total_seconds() for time in (*self.from_report, *self.from_publication)]
        return timedelta(seconds=median(seconds)) if seconds else None


def corrections_by_month(session: Session, zone: ZoneInfo) -> dict[date, MonthOfCorrections]:
    """The corrections of all months that have any: one query, which grows with the corrections alone."""
    first = aliased(Revision)
    query = (
        select(Revision.published_at, Revision.reported_at, first.published_at)
        .join(first, (first.article_id == Revision.article_id) & (first.kind == RevisionKind.FIRST))
        .where(Revision.kind.in_(CORRECTING))
        .order_by(Revision.id)
    )
    found: dict[date, tuple[list[timedelta], list[timedelta]]] = {}
    for published_at, reported_at, first_at in session.execute(query):
        times = found.setdefault(month_of(published_at.astimezone(zone).date()), ([], []))
        began = reported_at or first_at
        times[0 if reported_at else 1].append(max(published_at - began, timedelta(0)))
    return {month: MonthOfCorrections(tuple(one), tuple(other)) for month, (one, other) in found.items()}
