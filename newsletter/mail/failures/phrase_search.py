"""Searching plain words for many phrases at once.

Phrases are looked up by their first word, so that a list of a thousand needs no compiling: a process that reads one
bounce mail and ends is the usual case. Time is linear in the number of words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from newsletter.mail.failures.plain_words import SPACELESS, fold

SENTENCE_END = "|"
_GAP = "..."
_WORDS_IN_A_GAP = 6
_LONGEST_STEM = 24
_SPACELESS = re.compile(SPACELESS)


class _Pattern(NamedTuple):
    phrase: str
    """As it is written."""
    parts: tuple[tuple[str, ...], ...]
    """Folded words; gaps stand between parts. A word that ends in "*" is a stem."""
    needed: frozenset[str]
    """The words that are no stems."""


class PhraseList:
    """Phrases in the notation of bounce_words.toml."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_word: defaultdict[str, list[_Pattern]] = defaultdict(list)
        self._spaceless: list[tuple[str, str]] = []
        for phrase in dict.fromkeys(phrases):
            if _SPACELESS.search(phrase):
                self._spaceless.append((fold(phrase), phrase))
            else:
                pattern = _pattern(phrase)
                self._by_word[pattern.parts[0][0]].append(pattern)

    def find(self, words: Sequence[str]) -> str:
        """The first phrase that `words` have; empty when they have none."""
        present = frozenset(words)
        for at in range(len(words)):
            if found := self._at(words, at, present):
                return found[0]
        text = " ".join(words) if self._spaceless else ""
        return next((phrase for folded, phrase in self._spaceless if folded in text), "")

    def without(self, words: Sequence[str]) -> list[str]:
        """`words` with the end of a sentence in the place of each phrase."""
        kept: list[str] = []
        present, at = frozenset(words), 0
        while at < len(words):
            found = self._at(words, at, present)
            kept.append(SENTENCE_END if found else words[at])
            at = found[1] if found else at + 1
        return kept

    def _at(self, words: Sequence[str], at: int, present: frozenset[str]) -> tuple[str, int] | None:
        """The phrase that begins at `at`, and where it ends."""
        word = words[at]
        for key in (word, *(word[:length] + "*" for length in range(2, min(len(word), _LONGEST_STEM) + 1))):
            for pattern in self._by_word.get(key, ()):
                if pattern.needed <= present and (end := _end(words, at, pattern.parts)):
                    return pattern.phrase, end
        return None


def _pattern(phrase: str) -> _Pattern:
    parts = tuple(_folded(part) for part in phrase.split(_GAP))
    return _Pattern(phrase, parts, frozenset(word for part in parts for word in part if not word.endswith("*")))


def _folded(part: str) -> tuple[str, ...]:
    """Words as `plain_words` gives them; the star of a stem survives."""
    return tuple(fold(word) + "*" * word.endswith("*") for word in part.split())


def _end(words: Sequence[str], at: int, parts: Sequence[tuple[str, ...]]) -> int:
    """Where `parts` end when the first begins at `at` and gaps stand between them; 0 when they are not there."""
    end = at + len(parts[0])
    if not all(_same(word, wanted) for word, wanted in zip(words[at:end], parts[0], strict=False)) or end > len(words):
        return 0
    if len(parts) == 1:
        return end
    for begin in range(end, min(end + _WORDS_IN_A_GAP, len(words) - 1) + 1):
        if found := _end(words, begin, parts[1:]):
            return found
        if begin < len(words) and words[begin] == SENTENCE_END:
            return 0
    return 0


def _same(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
