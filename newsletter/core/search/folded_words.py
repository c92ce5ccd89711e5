"""The words of a text, folded: "Straße" and "STRASSE" are one, and so are "Über" and "uber"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST_WORD = 64
"""Characters. The rest of a longer word is not compared: PostgreSQL takes no lexeme of more than 2,046 bytes."""
MOST_BYTES = 500_000
"""Of one entry's words together: a vector of PostgreSQL's holds less than a megabyte."""

_WORD = re.compile(r"[^\W_]+")


def words_of(*texts: str) -> list[str]:
    """The different words of these texts, in order, folded."""
    found: dict[str, None] = {}
    size = 0
    for text in texts:
        for word in folded(text):
            if word not in found:
                size += len(word.encode())
                if size > MOST_BYTES:
                    return list(found)
                found[word] = None
    return list(found)


def folded(text: str) -> Iterator[str]:
    """The words of a text in order, in lower case and without accents, umlauts' dots and invisible characters."""
    return (found[0][:LONGEST_WORD] for found in _WORD.finditer(_fold(text)))


def label(name: str) -> str:
    """A word that stands for a section. No text can hold it, so it finds entries whatever they say."""
    return f"§{name.encode().hex()}"


def _fold(text: str) -> str:
    text = text.casefold()
    if text.isascii():
        return text
    # Twice: a decomposition can have capitals, as that of "℡" has.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in text if not _is_dropped(character))


def _is_dropped(character: str) -> bool:
    """Whether a character is an accent or invisible, such as a soft hyphen: neither divides a word."""
    return unicodedata.combining(character) != 0 or unicodedata.category(character) == "Cf"
