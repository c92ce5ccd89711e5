"""Words and texts of a digest."""

from __future__ import annotations

import re

from newsletter.core.cadence import Cadence
from newsletter.core.languages import gettext_noop

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """`text` on one line: every run of white space is one space, and control characters are gone."""
    return _UNPRINTABLE.sub("", " ".join(text.split()))


def is_plain(text: str) -> bool:
    """Whether `text` can be stored and mailed as it is: white space and characters, nothing that controls a terminal or
    that no encoding has (PostgreSQL refuses NUL, and UTF-8 half a surrogate pair).
    """
    return not _UNPRINTABLE.search("".join(text.split()))


def paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text, each on one line; an empty line stands between two of them."""
    lines = (one_line(paragraph) for paragraph in re.split(r"(?:\r?\n[ \t]*){2,}", text))
    return [line for line in lines if line]


CADENCE_NAMES = {
    Cadence.DAILY: gettext_noop("daily digest"),
    Cadence.WEEKLY: gettext_noop("weekly digest"),
    Cadence.MONTHLY: gettext_noop("monthly digest"),
    Cadence.BREAKING: gettext_noop("breaking news"),
}
"""What a letter of a cadence is called."""
