"""The name of an article in addresses and commands, made from its title."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import date

LONGEST = 80
"""Characters; a longer title is cut at a word, so that a shared link stays readable."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Letters that NFKD does not take apart.
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})


def is_slug(text: str) -> bool:
    """Whether `text` has the form of a slug (nothing is looked up)."""
    return _SLUG.fullmatch(text) is not None


def slug_of(title: str, day: date) -> str:
    """A slug of at most LONGEST characters; a title without Latin letters gets one from its date and a hash."""
    text = unicodedata.normalize("NFKD", title).casefold().translate(_LETTERS)
    text = text.replace("'", "").replace("’", "").encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", text)
    slug = "-".join(words)
    if len(slug) > LONGEST:
        slug = slug[: LONGEST + 1].rpartition("-")[0] or slug[:LONGEST]
    return slug or f"article-{day.isoformat()}-{_hash(title)}"


def other_slug(title: str, day: date) -> str:
    """A longer slug for a title whose own slug is another article's: cut short, two titles can have the same."""
    return f"{slug_of(title, day)}-{_hash(title)}"


def same_words(one: str, other: str) -> bool:
    """Whether two titles differ in case, punctuation and spaces at most."""
    return _words(one) == _words(other)


def _words(title: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKD", title).casefold()) or [title]


def _hash(title: str) -> str:
    return hashlib.sha256(" ".join(_words(title)).encode("utf-8")).hexdigest()[:8]
