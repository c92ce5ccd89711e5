"""Words for what a digest counts and dates."""

from __future__ import annotations

import re
from datetime import date

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """`text` on one line: every run of white space is one space, and control characters are gone."""
    return _UNPRINTABLE.sub("", " ".join(text.split()))


def paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text, each on one line; an empty line stands between two of them."""
    lines = (one_line(paragraph) for paragraph in re.split(r"(?:\r?\n[ \t]*){2,}", text))
    return [line for line in lines if line]


def day_in_words(day: date) -> str:
    """Like "2 May 2026"."""
    return f"{day.day} {day:%B} {day.year}"


def counted(number: int, noun: str) -> str:
    """Like "1 source", "3 sources"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def kind_of_letter(cadence: str) -> str:
    """Like "weekly digest"; what is sent out of turn is "breaking news"."""
    return "breaking news" if cadence == "breaking" else f"{cadence} digest"
