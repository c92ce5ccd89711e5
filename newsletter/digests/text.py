"""The texts of a digest: plain, on lines or in paragraphs."""

from __future__ import annotations

import re

from newsletter.core.cadence import Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.text_direction import keep_direction

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """`text` on one line: a run of white space becomes one space, and control characters and overrides go."""
    return keep_direction(_UNPRINTABLE.sub("", " ".join(text.split())))


def shortened(text: str, most: int) -> str:
    """`text` in `most` characters at most, with an ellipsis for whole words that are left out; a long one is cut."""
    if len(text) <= most:
        return text
    cut = text[:most]
    words = cut.rpartition(" ")[0].rstrip(" ,;:")
    return f"{words if len(words) >= most // 2 else cut[:-1].rstrip()}…"


def is_plain(text: str) -> bool:
    """Whether `text` can be stored and mailed as it is.

    It may hold white space and characters, but nothing that controls a terminal or that cannot be encoded: PostgreSQL
    refuses NUL, and UTF-8 half a surrogate pair.
    """
    return not _UNPRINTABLE.search("".join(text.split()))


LONGEST_DEK = 1000


def dek_line(text: str) -> str:
    """The dek of an article in one digest, on one line. Raises InvalidError for one that cannot be accepted."""
    require_plain("dek", text)
    line = one_line(text)
    require_length("dek", line, LONGEST_DEK)
    return line


def require_length(name: str, text: str, most: int) -> None:
    """Raise InvalidError for a text of more than `most` characters."""
    if len(text) > most:
        raise InvalidError(
            "digest.text_too_long",
            "The %(field)s has %(length)d characters; at most %(most)d are allowed.",
            field=name,
            length=len(text),
            most=most,
        )


def require_plain(name: str, text: str) -> None:
    """Raise InvalidError for a text that cannot be stored and mailed as it is."""
    if not is_plain(text):
        raise InvalidError(
            "digest.text_unprintable",
            "The %(field)s holds a control character, or bytes that are no UTF-8.",
            field=name,
        )


CADENCE_NAMES = {
    Cadence.DAILY: gettext_noop("daily letter"),
    Cadence.WEEKLY: gettext_noop("weekly letter"),
    Cadence.MONTHLY: gettext_noop("monthly letter"),
    Cadence.BREAKING: gettext_noop("breaking news"),
    Cadence.CORRECTION: gettext_noop("correction"),
}
"""The name that readers see for a digest of a cadence."""
