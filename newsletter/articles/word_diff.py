"""The changes between two texts, word by word.

Words are compared by difflib with `autojunk=False`: with it, common words count as noise, and five times as many are
marked. A run of blanks counts as one, as pages show it; line breaks count as written. Scripts without blanks between
words are compared by character.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import Match, SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

MOST_WORK = 8_000_000
"""Pairs of equal words that one comparison looks at, in about half a second. A text of 5,000 words with 120 changes and
two parts that moved has a third of them. The rest is then shown as removed and added as a whole."""
LEAST_ALIKE = 0.3
"""The part of the shorter text that must have stayed. With less the two are different texts, whose common words say
nothing."""
SHORT = 3
"""Characters of the words that are too few to stand between two changes."""

_PUNCTUATION = ".,;:!?)]}”’\"'"
"""Compared by itself where a word ends with it: "jobs" and "jobs," are one word."""
_UNPARTED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""A character of Chinese or Japanese, or what stands between two of them."""


class PieceKind(StrEnum):
    """Whether a piece of text stayed, was removed or was added."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


class Piece(NamedTuple):
    """A run of words. The pieces of a text, put together, are the text."""

    kind: PieceKind
    text: str
    """Begins with a blank where one stands before its first word."""


class Run(NamedTuple):
    """A run of words, or of paragraphs, that both sides have or that they do not: places in the older and the newer."""

    is_same: bool
    i1: int
    i2: int
    j1: int
    j2: int


class WorkBudget:
    """The work that is left for a whole comparison, whatever the number of its texts."""

    def __init__(self, pairs: int = MOST_WORK) -> None:
        self._pairs = pairs

    def spend(self, pairs: int) -> None:
        """Raises _BudgetSpentError when there is less left."""
        self._pairs -= pairs
        if self._pairs < 0:
            raise _BudgetSpentError


class _BudgetSpentError(Exception):
    """Comparing the texts would take too long; somebody may have made them for that."""


def normal(text: str) -> str:
    """A text as it is compared: with single blanks, and none at the ends of lines."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def old_side(pieces: Iterable[Piece]) -> str:
    """The text before, in its normal form."""
    return _text("".join(piece.text for piece in pieces if piece.kind != PieceKind.ADDED))


def new_side(pieces: Iterable[Piece]) -> str:
    """The text after, in its normal form."""
    return _text("".join(piece.text for piece in pieces if piece.kind != PieceKind.REMOVED))


def diff_words(old: str, new: str, budget: WorkBudget | None = None) -> list[Piece]:
    """The pieces of both texts in the order of reading, what was removed before what was added in its place."""
    before, after = _tokens(old), _tokens(new)
    runs = _joined(matched(before, after, budget or WorkBudget()), after)
    if not _is_alike(runs, before, after):
        runs = [Run(False, 0, len(before), 0, len(after))]
    pieces: list[Piece] = []
    for is_same, i1, i2, j1, j2 in runs:
        if is_same:
            pieces.append(Piece(PieceKind.SAME, "".join(after[j1:j2])))
            continue
        for kind, tokens in ((PieceKind.REMOVED, before[i1:i2]), (PieceKind.ADDED, after[j1:j2])):
            if tokens:
                pieces.append(Piece(kind, "".join(tokens)))
    return pieces


def matched(before: Sequence[str], after: Sequence[str], budget: WorkBudget) -> list[Run]:
    """The runs of two lists, of which what both begin and end with costs nothing."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    middle = _middle(before[start : len(before) - end], after[start : len(after) - end], budget)
    runs = [Run(True, 0, start, 0, start)] if start else []
    runs += [Run(run.is_same, *(place + start for place in run[1:])) for run in middle]
    if end:
        runs.append(Run(True, len(before) - end, len(before), len(after) - end, len(after)))
    return runs


def _tokens(text: str) -> list[str]:
    """Words with the blank before them, punctuation, and breaks. A line's first word has a blank, too: it would
    otherwise be another word there.
    """
    tokens: list[str] = []
    for line in re.split(r"(\n+)", normal(text)):
        if line.startswith("\n"):
            tokens.append(line)
        elif line:
            tokens += (token for word in line.split(" ") for token in _word_tokens(word))
    return tokens


def _word_tokens(word: str) -> list[str]:
    stem = word.rstrip(_PUNCTUATION) or word
    parts = [*_UNPARTED.findall(stem), *filter(None, [word[len(stem) :]])]
    return [" " + parts[0], *parts[1:]]


def _text(joined: str) -> str:
    return joined.replace("\n ", "\n").strip()


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tokens both begin with."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _middle(before: Sequence[str], after: Sequence[str], budget: WorkBudget) -> list[Run]:
    if not before and not after:
        return []
    try:
        operations = _BoundedMatcher(before, after, budget).get_opcodes()
    except _BudgetSpentError:
        return [Run(False, 0, len(before), 0, len(after))]
    return [Run(name == "equal", *places) for name, *places in operations]


class _BoundedMatcher(SequenceMatcher[str]):
    """Counts the pairs that each step looks at: repeated words would make the work grow with the cube of a text."""

    def __init__(self, before: Sequence[str], after: Sequence[str], budget: WorkBudget) -> None:
        super().__init__(None, before, after, autojunk=False)
        self._before, self._counts, self._budget = before, Counter(after), budget

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        self._budget.spend(sum(1 + self._counts[token] for token in self._before[alo:ahi]))
        return super().find_longest_match(alo, ahi, blo, bhi)


def _is_alike(runs: Sequence[Run], before: Sequence[str], after: Sequence[str]) -> bool:
    same = sum(len("".join(after[run.j1 : run.j2])) for run in runs if run.is_same)
    return same >= LEAST_ALIKE * min(len("".join(before)), len("".join(after)))


def _joined(runs: list[Run], after: Sequence[str]) -> list[Run]:
    """The runs, with two changes made one where only a short word parts them, and words stand for other words."""
    joined: list[Run] = []
    for run in runs:
        joined.append(run)
        if run.is_same or len(joined) < 3:
            continue
        first, between, last = joined[-3:]
        is_short = between.is_same and len("".join(after[between.j1 : between.j2]).strip()) <= SHORT
        replaces = (first.i2 > first.i1 or last.i2 > last.i1) and (first.j2 > first.j1 or last.j2 > last.j1)
        if is_short and replaces and "\n" not in "".join(after[between.j1 : between.j2]):
            joined[-3:] = [Run(False, first.i1, last.i2, first.j1, last.j2)]
    return joined
