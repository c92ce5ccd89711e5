"""The record month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import extract, func, select
from sqlalchemy.orm import Session

from newsletter.public_record.corrections import MonthOfCorrections, corrections_by_month
from newsletter.public_record.models import DigestTally, MonthlyFigures
from newsletter.support.goals import read_budget
from newsletter.support.money import Money, sums
from newsletter.support.months import months_from, present_month
from newsletter.support.received import SupportMonth, received_by_month, support_months

MONTHS_SHOWN = 12
"""On the page; the file has all."""
ROUNDED_TO = 100
"""Readers are shown to the hundred, so that no page says who came or went on a day."""


@dataclass(frozen=True)
class MonthOfRecord:
    """A month of the public record."""

    month: date
    digests: int
    """With an accepted mail."""
    accepted: int
    readers: int | None
    """Rounded; None where nobody counted them then."""
    bounced: int
    complained: int
    unsubscribed: int
    corrections: MonthOfCorrections
    support: SupportMonth
    costs: tuple[Money, ...]
    """The sum of the month's costs in each currency."""

    @property
    def median_time(self) -> timedelta | None:
        """The median time to a correction."""
        return self.corrections.median

    @property
    def complaints_per_thousand(self) -> float:
        """Complaints for each thousand accepted mails."""
        return 1000 * self.complained / self.accepted if self.accepted else 0.0


def months_of_record(session: Session, zone: ZoneInfo, most: int | None = None) -> list[MonthOfRecord]:
    """The months from the first one that has anything to say, the newest first, or `most` of them.

    Five queries, however many readers there are.
    """
    present = present_month(zone)
    digests_of = _digests_by_month(session)
    figures = {row.month: row for row in session.scalars(select(MonthlyFigures))}
    corrections = corrections_by_month(session, zone)
    budget, received = read_budget(session), received_by_month(session)
    known = [month for month in (*digests_of, *figures, *corrections, *received) if month <= present]
    if not known:
        return []
    found = []
    shown = months_from(min(known), present)[::-1][:most]
    for month, support in zip(shown, support_months(budget, received, shown), strict=True):
        counted = figures.get(month)
        digests, accepted = digests_of.get(month, (0, 0))
        spent = sums(budget.costs(month).values())
        found.append(
            MonthOfRecord(
                month,
                digests,
                accepted,
                _rounded(counted.readers) if counted else None,
                counted.bounced if counted else 0,
                counted.complained if counted else 0,
                counted.unsubscribed if counted else 0,
                corrections.get(month, MonthOfCorrections((), ())),
                support,
                tuple(Money(amount, currency) for currency, amount in spent.items()),
            )
        )
    return found


def _digests_by_month(session: Session) -> dict[date, tuple[int, int]]:
    """The digests with an accepted mail, and all accepted mails, by month."""
    year, month = extract("year", DigestTally.day), extract("month", DigestTally.day)
    query = (
        select(year, month, func.count(), func.sum(DigestTally.accepted))
        .where(DigestTally.accepted > 0)
        .group_by(year, month)
    )
    return {
        date(int(in_year), int(in_month), 1): (count, int(accepted))
        for in_year, in_month, count, accepted in session.execute(query)
    }


def _rounded(readers: int | None) -> int | None:
    return None if readers is None else (readers + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO
