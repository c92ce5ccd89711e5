"""Answers "in the same words": what stays of an answer when everything that differs from mail to mail is taken out."""

from __future__ import annotations

import re
from itertools import groupby

from newsletter.mail.failures.plain_words import plain_words

_DATE_WORDS = re.compile(
    "mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|gmt|utc|[ecmp][sd]t|cest",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"\W")
_LONGEST = 2000


def same_words(text: str) -> str:
    """`text` without addresses, ids, IP addresses, host names, numbers, times, case and punctuation. A capital inside a
    word begins another ("MailboxFull").

    Two answers with an equal result that is not empty say the same.
    """
    return " ".join(word for word in plain_words(_without_dates(text[:_LONGEST])).split() if word != "|")


def _without_dates(text: str) -> str:
    """`text` without runs of numbers and names of days, months and zones, such as "Mon, 4 May 2026 10:11:12 GMT"."""
    kept: list[str] = []
    for dated, run in groupby(text.split(), key=_of_a_date):
        words = list(run)
        if not dated or not any(character.isdigit() for word in words for character in word):
            kept.extend(words)
    return " ".join(kept)


def _of_a_date(word: str) -> bool:
    bare = _PUNCTUATION.sub("", word)
    return bare.isdigit() or _DATE_WORDS.fullmatch(bare) is not None
