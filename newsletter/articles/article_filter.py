"""The part of the articles that a list shows: a section, a month or a year, what a search finds."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from newsletter.core.search import SearchQuery

_PERIOD = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)


@dataclass(frozen=True)
class Period:
    """A month, or a whole year."""

    year: int
    month: int | None = None
    """1 to 12."""

    def __str__(self) -> str:
        return f"{self.year:04}" if self.month is None else f"{self.year:04}-{self.month:02}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.month or 1, 1)

    @property
    def last_day(self) -> date:
        month = self.month or 12
        return date(self.year, month, monthrange(self.year, month)[1])

    @property
    def months(self) -> list[Period]:
        """The months of its year."""
        return [Period(self.year, month) for month in range(1, 13)]


def parse_period(text: str) -> Period | None:
    """The period that is written as `text`, like "2026-05" or "2026"; None for any other text."""
    found = _PERIOD.fullmatch(text)
    if found is None or not int(found[1]) or not 1 <= int(found[2] or 1) <= 12:
        return None
    return Period(int(found[1]), int(found[2]) if found[2] else None)


@dataclass(frozen=True)
class ArticleFilter:
    """The wanted part; None stands for all of it."""

    section: str | None = None
    period: Period | None = None
    query: SearchQuery | None = None


EVERYTHING = ArticleFilter()
