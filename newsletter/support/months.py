"""Months: each is named by its first day."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from newsletter.core import clock


def month_of(day: date) -> date:
    """The month of a day."""
    return day.replace(day=1)


def present_month(zone: ZoneInfo) -> date:
    """The month that it is now, in the publication's zone."""
    return month_of(clock.today(zone))


def months_before(month: date, count: int) -> date:
    """The month that lies `count` months before; after it for a negative count."""
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


def months_from(first: date, last: date) -> list[date]:
    """All months from `first` to `last`, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    return [months_before(first, -each) for each in range(count + 1)]
