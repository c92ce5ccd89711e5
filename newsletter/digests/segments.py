"""Segments: the pieces of a rendered digest, each with a condition on the edition. An edition is their concatenation.

An edition is a mask over the articles, where bit i stands for the article at position i. Its lead is the digest's first
article, which an edition may lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

FULL_ARTICLES = 10
"""Articles of an edition that are shown in full; those after them are compact, so that 60 fit into a mail."""

LEAD = 0
"""The position of the lead."""


class When(StrEnum):
    """The condition of a segment; `number` is the position of an article, or a count."""

    ALWAYS = "always"
    HOLDS = "holds"
    """The edition holds the article."""
    IN_FULL = "in_full"
    """The article is among the first FULL_ARTICLES of the edition."""
    COMPACT = "compact"
    """The edition holds the article after those."""
    WITH_LEAD = "with_lead"
    """The edition holds the lead."""
    WITHOUT_LEAD = "without_lead"
    """The edition lacks the lead and holds at least `number` articles."""
    FIRST = "first"
    """The edition lacks the lead, and the article is its first."""
    SECOND = "second"
    """… its second."""
    THIRD_OR_FOURTH = "third_or_fourth"
    """… its third or fourth."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text that stands in the editions that fulfil its condition."""

    text: str
    when: When = When.ALWAYS
    number: int = 0


def assemble(segments: Iterable[Segment], mask: int) -> str:
    """The text of the edition `mask`."""
    edition = _Edition(mask)
    return "".join(segment.text for segment in segments if edition.fulfils(segment))


def most_bytes(segments: Sequence[Segment], articles: int) -> int:
    """The bytes that no edition exceeds: all articles, and those in full that are longest by it."""
    whole = _Edition((1 << articles) - 1)
    size, gains = 0, [0] * articles
    for segment in segments:
        length = len(segment.text.encode())
        if segment.when is When.IN_FULL:
            gains[segment.number] += length
        elif segment.when is When.COMPACT:
            gains[segment.number] -= length
            size += length
        elif whole.fulfils(segment):
            size += length
    return size + sum(sorted(gains, reverse=True)[:FULL_ARTICLES])


class _Edition:
    def __init__(self, mask: int) -> None:
        positions = [position for position in range(mask.bit_length()) if mask >> position & 1]
        self._rank = {position: rank for rank, position in enumerate(positions)}
        self._has_lead = LEAD in self._rank

    def fulfils(self, segment: Segment) -> bool:
        rank = self._rank.get(segment.number, -1)
        match segment.when:
            case When.ALWAYS:
                return True
            case When.HOLDS:
                return rank >= 0
            case When.IN_FULL:
                return 0 <= rank < FULL_ARTICLES
            case When.COMPACT:
                return rank >= FULL_ARTICLES
            case When.WITH_LEAD:
                return self._has_lead
            case When.WITHOUT_LEAD:
                return not self._has_lead and len(self._rank) >= segment.number
            case When.FIRST:
                return not self._has_lead and rank == 0
            case When.SECOND:
                return not self._has_lead and rank == 1
            case When.THIRD_OR_FOURTH:
                return not self._has_lead and rank in (2, 3)
