"""Numbers and days as addresses and forms have them: anybody can write anything there."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date

from werkzeug.routing import IntegerConverter

MOST_DIGITS = 9
"""So every number fits into a column of 32 bits."""


class PathNumber(IntegerConverter):
    """A number in a path (`<int:number>`). It fits into 64 bits: databases refuse larger ones with an error."""

    regex = "[0-9]{1,18}"


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
