"""Numbers and days as addresses and forms have them: anybody can write anything there."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date

from werkzeug.routing import IntegerConverter, UnicodeConverter, ValidationError

from newsletter.core.storable_text import is_storable, storable

LONGEST_SEARCH = 200
MOST_DIGITS = 9
"""So every number fits into a column of 32 bits."""


class PathNumber(IntegerConverter):
    """A number in a path (`<int:number>`). It fits into 64 bits: databases refuse larger ones with an error."""

    regex = "[0-9]{1,18}"


class PathText(UnicodeConverter):
    """A text in a path (`<slug>`). No statement takes NUL, so no page has it in its address."""

    def to_python(self, value: str) -> str:
        if not is_storable(value):
            raise ValidationError
        return value


def parse_search(text: str) -> str:
    """The words to look for, LONGEST_SEARCH characters at most, without what no statement takes."""
    return storable(text[:LONGEST_SEARCH]).strip()


def parse_number(text: str) -> int | None:
    """A whole number, not below 0; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def parse_day(text: str) -> date | None:
    """A day like 2026-12-31; None for anything else, and for years that have no midnight in some time zones."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if MINYEAR < day.year < MAXYEAR else None
