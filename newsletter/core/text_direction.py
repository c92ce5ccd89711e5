"""Characters that nobody sees and that change the direction of the text around them (Unicode's annex 9).

In a headline, a name or a subject an override turns around whatever stands beside it, on pages, in mailboxes and on a
terminal. Arabic and Hebrew need none: their letters bring their direction with them, and marks help where they meet
Latin ones.
"""

from __future__ import annotations

import re
import unicodedata

_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates, and their ends: they reach over what follows, until an end or a line break."""
_MARKS = re.compile("[\u200e\u200f\u061c]")
"""Each is like an invisible letter of one direction."""


def keep_direction(text: str) -> str:
    """`text` without overrides; and without marks, unless a letter that is written from right to left needs them."""
    if text.isascii():
        return text
    text = _OVERRIDES.sub("", text)
    return text if _is_bidirectional(text) else _MARKS.sub("", text)


def _is_bidirectional(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in _MARKS.sub("", text))
