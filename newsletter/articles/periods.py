"""The years and months that have articles, for links to them. A million articles cost no more than ten."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.article_filter import Period
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision


class Periods(NamedTuple):
    """Months of one year, and all years, the newest first."""

    months: list[Period]
    years: list[Period]


def periods_in_use(session: Session, year: int | None = None) -> Periods:
    """The months of a year that have articles; without `year`, of the newest one. The years are all from first to last,
    since a year without articles in between is rare, and looking for one would cost more than it is worth.
    """
    by_date = select(Revision.date).where(is_listed()).limit(1)
    oldest, newest = (by_date.order_by(order).scalar_subquery() for order in (Revision.date, Revision.date.desc()))
    first, last = session.execute(select(oldest, newest)).one()
    if first is None:
        return Periods([], [])
    years = [Period(each) for each in range(last.year, first.year - 1, -1)]
    return Periods(_months_in_use(session, Period(last.year if year is None else year)), years)


def _months_in_use(session: Session, year: Period) -> list[Period]:
    articles = select(Revision.id).where(is_listed())
    used = [articles.where(Revision.date.between(month.first_day, month.last_day)).exists() for month in year.months]
    found = session.execute(select(*used)).one()
    return [month for month, is_used in zip(year.months, found, strict=True) if is_used][::-1]
