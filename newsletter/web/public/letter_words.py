"""The words and links of the list of letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flask import url_for
from markupsafe import Markup

from newsletter.core.language_tags import lang_attribute
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.digests.models import Digest
from newsletter.web.language import page_language

MOST_NAMES = 5
"""Sections of a letter that are named; more of them are counted."""
MONTH, YEAR = 7, 4
"""Characters of the month and the year with which a letter's name begins."""


@dataclass(frozen=True)
class CountedPeriod:
    """A month or a year as a link to its letters (`counted_links` in templates/web/_parts.html)."""

    words: str
    """ "May 2026", or "2025"."""
    count: int
    path: str
    is_current: bool


def by_month(letters: Sequence[Digest]) -> list[tuple[str, list[Digest]]]:
    """The letters of a page under their months, in the order that they have."""
    months = groupby(letters, lambda letter: (letter.letter_name or "")[:MONTH])
    return [(month, list(of_month)) for month, of_month in months]


def periods(months: Counter[str], shown: str) -> list[CountedPeriod]:
    """The months of the year that is shown, or of the newest one, and all other years; newest first."""
    year = (shown or next(iter(months), ""))[:YEAR]
    counts: Counter[str] = Counter()
    for month, count in months.items():
        counts[month if month.startswith(year) else month[:YEAR]] += count
    return [
        CountedPeriod(period_words(period), count, url_for("public.letters", month=period), period == shown)
        for period, count in counts.items()
    ]


def period_words(period: str) -> str:
    """ "May 2026" for "2026-05"; a year stays as it is."""
    return page_language().month(date.fromisoformat(f"{period}-01")) if len(period) == MONTH else period


def section_names(letter: Digest) -> Markup | None:
    """The sections of a letter's stories, "Policy, Models and Hardware"; None when they are too many to name."""
    names = list(dict.fromkeys(revision.section for revision in letter.revisions))
    if len(names) > MOST_NAMES:
        return None
    language = page_language()
    span = f"<span{lang_attribute(PUBLICATION_LANGUAGE, language.code)}>{{}}</span>"
    return Markup(span).format(language.enumeration(names))  # noqa: S704 - the attribute is our own


def count_sections(letter: Digest) -> int:
    """The number of sections of a letter's stories."""
    return len({revision.section for revision in letter.revisions})
