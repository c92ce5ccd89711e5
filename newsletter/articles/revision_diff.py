"""The changes between two revisions, part by part: paragraphs are matched first, then the words of changed ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from newsletter.articles.models import Revision, Source
from newsletter.articles.word_diff import Piece, PieceKind, WorkBudget, diff_words, matched


class ArticlePart(StrEnum):
    """A part of an article, in the order of its page."""

    SECTION = "section"
    DATE = "date"
    LANGUAGE = "language"
    TITLE = "title"
    DEK = "dek"
    WRITTEN_BY = "written_by"
    CHECKED_BY = "checked_by"
    AI_USE = "ai_use"
    TRUST = "trust"
    TRUST_PART = "trust_part"
    HYPE = "hype"
    SOURCE_COUNT = "source_count"
    POINTS = "points"
    """Of TL;DR."""
    BODY = "body"
    SOURCES = "sources"
    MARKUP = "markup"


VALUES = (
    ArticlePart.SECTION,
    ArticlePart.DATE,
    ArticlePart.LANGUAGE,
    ArticlePart.TRUST,
    ArticlePart.HYPE,
    ArticlePart.SOURCE_COUNT,
    ArticlePart.MARKUP,
)
TEXTS = (ArticlePart.TITLE, ArticlePart.DEK, ArticlePart.WRITTEN_BY, ArticlePart.CHECKED_BY, ArticlePart.AI_USE)


@dataclass(frozen=True)
class ValueChange:
    """A part that is one value, and has changed."""

    part: ArticlePart
    old: str | int | date | None
    """None where there was none; `new` is None where there is none any more."""
    new: str | int | date | None
    rubric_part: str = ""
    """The key of the part of the rubric, for TRUST_PART."""


@dataclass(frozen=True)
class TextChange:
    """A part that is text, or a run of its paragraphs, points or sources."""

    part: ArticlePart
    pieces: tuple[Piece, ...]
    first: int = 0
    """The number of its first paragraph, point or source in the newer revision, or in the older where none is left; 0
    for a part that has no numbers."""
    last: int = 0
    is_gone: bool = False
    """Whether the newer revision has nothing in its place."""

    @property
    def is_in_sight(self) -> bool:
        """Whether a reader sees the change: more than blanks differ."""
        return any(piece.kind != PieceKind.SAME for piece in self.pieces)


RevisionChange = ValueChange | TextChange


def compare_revisions(old: Revision, new: Revision, budget: WorkBudget | None = None) -> list[RevisionChange]:
    """The changes from one revision to another, in the order of the page."""
    budget = budget or WorkBudget()
    found = [*_values(old, new), *_texts(old, new, budget), *_trust_parts(old, new), *_lists(old, new, budget)]
    return sorted(found, key=lambda change: list(ArticlePart).index(change.part))


def unchanged_parts(changes: Sequence[RevisionChange]) -> list[ArticlePart]:
    """The parts that a reader looks for first, as far as nothing changed in them."""
    changed = {change.part for change in changes}
    if ArticlePart.TRUST_PART in changed:
        changed.add(ArticlePart.TRUST)
    return [
        part
        for part in (
            *TEXTS[:2],
            ArticlePart.POINTS,
            ArticlePart.BODY,
            ArticlePart.SOURCES,
            ArticlePart.TRUST,
            ArticlePart.HYPE,
        )
        if part not in changed
    ]


def _values(old: Revision, new: Revision) -> Iterator[RevisionChange]:
    for part in VALUES:
        before, after = getattr(old, part), getattr(new, part)
        if before != after:
            yield ValueChange(part, before, after)


def _texts(old: Revision, new: Revision, budget: WorkBudget) -> Iterator[RevisionChange]:
    for part in TEXTS:
        before, after = getattr(old, part), getattr(new, part)
        if before != after:
            yield TextChange(part, tuple(diff_words(before, after, budget)))


def _trust_parts(old: Revision, new: Revision) -> Iterator[RevisionChange]:
    before, after = (_points(revision.trust_parts) for revision in (old, new))
    for key in dict.fromkeys([*after, *before]):
        if before.get(key) != after.get(key):
            yield ValueChange(ArticlePart.TRUST_PART, before.get(key), after.get(key), rubric_part=key)


def _points(parts: list[dict[str, Any]] | None) -> dict[str, int]:
    return {part["key"]: part["points"] for part in parts or ()}


def _lists(old: Revision, new: Revision, budget: WorkBudget) -> Iterator[RevisionChange]:
    yield from _compare_lists(ArticlePart.POINTS, old.bullets, new.bullets, budget)
    yield from _compare_lists(ArticlePart.BODY, old.paragraphs, new.paragraphs, budget)
    yield from _compare_lists(ArticlePart.SOURCES, [*map(_line, old.sources)], [*map(_line, new.sources)], budget)


def _line(source: Source) -> str:
    """A source on one line; its address is a part of it that can be put right, too."""
    return " ".join(filter(None, [source.publisher, source.title, source.url and f"<{source.url}>"]))


def _compare_lists(
    part: ArticlePart, old: Sequence[str], new: Sequence[str], budget: WorkBudget
) -> Iterator[RevisionChange]:
    """The runs in which two lists differ. A run's texts are compared as one, so that a paragraph that was parted, or
    one that was put in between, is told as that.
    """
    for is_same, i1, i2, j1, j2 in matched(old, new, budget):
        if not is_same:
            pieces = diff_words("\n\n".join(old[i1:i2]), "\n\n".join(new[j1:j2]), budget)
            first, last = (j1 + 1, j2) if j2 > j1 else (i1 + 1, i2)
            yield TextChange(part, tuple(pieces), first, last, is_gone=j1 == j2)
