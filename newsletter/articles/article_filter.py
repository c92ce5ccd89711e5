"""The part of the articles that a list shows: a section, a month, what a search finds."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date

from newsletter.core.search import SearchQuery

_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)


@dataclass(frozen=True, order=True)
class Month:
    """A month of a year."""

    year: int
    number: int
    """1 to 12."""

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.number, monthrange(self.year, self.number)[1])


def parse_month(text: str) -> Month | None:
    """The month that is written as `text`, like "2026-05"; None for any other text."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or not int(found[1]):
        return None
    return Month(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class ArticleFilter:
    """What is wanted; None stands for all of it."""

    section: str | None = None
    month: Month | None = None
    query: SearchQuery | None = None

    @property
    def is_everything(self) -> bool:
        return self == EVERYTHING

    def with_query(self, query: SearchQuery) -> ArticleFilter:
        """The same part, searched for other words."""
        return replace(self, query=query)


EVERYTHING = ArticleFilter()
