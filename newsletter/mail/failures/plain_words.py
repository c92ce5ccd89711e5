"""A server's answer as bare words, so that phrases can be compared.

Addresses, host names, links and everything with a digit are taken out: a reader called spam@…, a server called
policy.example and a queue id decide nothing. Time is linear in the length of the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection

LONGEST = 4000
"""Characters of an answer that are read."""

_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_LINK = re.compile(r"(?:https?|ftp)://[^\s<>\"']*", re.IGNORECASE)
_QUOTED_NAME = re.compile(r'"[^"]{1,64}"(?=@)')
"""A local part in quotation marks (RFC 5321 4.1.2)."""
_GLUED = re.compile(r"(?<=[a-z])\.(?=[A-Z])")
"""The end of a sentence without a space: "does not exist.Please"."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKEN = re.compile(r"""[^\s<>()\[\]{},;:"'|]+""")
_EXCHANGE = ("RESOLVER.", "QUEUE.", "STOREDRV.", "ROUTING.", "SMTPSEND.", "AGENT")
"""Beginnings of Exchange's own error names, which look like host names."""
_WORD = re.compile(r"\w+")
_LABEL = re.compile(r"[^\W\d_]+")
_APOSTROPHE = re.compile(r"['’‘`´]")
_SENTENCE_END = re.compile(r"[.!?;|](?=\s|$)")
_NO_LETTER = re.compile(r"[^\w|]+|_+")
SPACELESS = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Letters of scripts without a space between words, and Korean, whose spaces vary."""
_NO_SPACE = re.compile(rf"(?<={SPACELESS}) +(?={SPACELESS})")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
_EMAIL = re.compile(r"\be mail")
_UMLAUT = re.compile(r"([aou])e")


def plain_words(text: str, kept_hosts: Collection[str] = ()) -> str:
    """`text` in small letters without accents, one space between words, " | " between sentences.

    Host names and links go, but for labels in `kept_hosts` (block lists are named by their hosts).
    """
    text = unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST]
    text = html.unescape(_TAG.sub(" ", text))
    text = _LINK.sub(lambda link: _labels(link[0], kept_hosts), text)
    text = _QUOTED_NAME.sub(" ", text)
    text = _GLUED.sub(". ", _APOSTROPHE.sub("", text))
    text = _TOKEN.sub(lambda token: _without_names(token[0], kept_hosts), text)
    return fold(_CAMEL.sub(" ", _WORD.sub(_without_digits, text)))


def fold(text: str) -> str:
    """Small letters without accents and punctuation; "ä", "ae" and "a" become the same, in phrases and in answers."""
    text = unicodedata.normalize("NFD", _APOSTROPHE.sub("", text).casefold().translate(_LETTERS))
    text = unicodedata.normalize("NFC", _ACCENTS.sub("", text))
    text = _SENTENCE_END.sub(" | ", text)
    text = _UMLAUT.sub(r"\1", _NO_LETTER.sub(" ", text))
    return _NO_SPACE.sub("", _EMAIL.sub("email", " ".join(text.split())))


def _without_names(token: str, kept_hosts: Collection[str]) -> str:
    """`token`, unless it is an address or has dots inside as a host name has."""
    if "@" in token or "%40" in token or "=40" in token:
        return " "
    if "." in token.strip(".…!?-/"):
        if token.startswith(_EXCHANGE):
            return token.replace(".", " ")
        return _labels(token, kept_hosts) if any(c.isalpha() for c in token) else " "
    return token


def _labels(name: str, kept: Collection[str]) -> str:
    return " ".join(["", *(label for label in _LABEL.findall(name.lower()) if label in kept), ""])


def _without_digits(word: re.Match[str]) -> str:
    return " " if any(c.isdigit() for c in word[0]) else word[0]
