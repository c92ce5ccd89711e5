"""Segments: the pieces of a rendered digest, each with a condition on the edition. An edition is their concatenation.

An edition is a mask over the articles, where bit i stands for the article at position i; the bits after them stand for
the corrections that the digest carries. An edition may lack the digest's lead (`digests.leads`); a digest may have
none. It may hold nothing but corrections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

FULL_ARTICLES = 10
"""Articles of an edition that are shown in full; those after them are compact, so that 60 fit into a mail."""

LISTED_FROM = 4
"""Articles of an edition from which on it begins with a list of its headlines: those of the articles in full."""


class When(StrEnum):
    """The condition of a segment; `number` is the position of an article or a correction, or a count."""

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
    AT_LEAST = "at_least"
    """The edition holds at least `number` articles."""
    LISTED = "listed"
    """The article is in full, in an edition of at least LISTED_FROM."""
    ANY_SECOND = "any_second"
    """The article is the edition's second, with or without the lead."""
    ANY_THIRD_OR_FOURTH = "any_third_or_fourth"
    """… its third or fourth."""
    CORRECTS = "corrects"
    """The edition holds the correction `number`, 0 for the first."""
    WITH_CORRECTIONS = "with_corrections"
    """The edition holds a correction."""
    ONLY_CORRECTIONS = "only_corrections"
    """The edition holds no article."""
    FIRST_CORRECTION = "first_correction"
    """The edition holds no article, and the correction `number` is its first."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text that stands in the editions that fulfil its condition."""

    text: str
    when: When = When.ALWAYS
    number: int = 0


def assemble(segments: Iterable[Segment], mask: int, lead: int | None, articles: int) -> str:
    """The text of the edition `mask` of a digest with `articles` articles; `lead` is the position of its lead."""
    edition = _Edition(mask, lead, articles)
    return "".join(segment.text for segment in segments if edition.fulfils(segment))


def most_bytes(segments: Iterable[Segment]) -> int:
    """The bytes that no edition exceeds: all articles, those in full that are longest by it, the longest headlines.

    Words that go with the lead, words of editions without it and words of editions without any article never stand
    together: the longest ones count.
    """
    sizes: dict[When, Counter[int]] = {when: Counter() for when in When}
    for segment in segments:
        sizes[segment.when][segment.number] += len(segment.text.encode())

    def longest(when: When, count: int) -> int:
        return sum(size for _, size in sizes[when].most_common(count))

    full, compact = sizes[When.IN_FULL], sizes[When.COMPACT]
    gains = sorted((full[position] - compact[position] for position in full), reverse=True)
    without_lead = longest(When.FIRST, 1) + longest(When.SECOND, 1) + longest(When.THIRD_OR_FOURTH, 2)
    return (
        sum(sizes[when].total() for when in _ALL_TOGETHER)
        + sum(gains[:FULL_ARTICLES])
        + max(
            sizes[When.WITH_LEAD].total(),
            sizes[When.WITHOUT_LEAD].total() + without_lead,
            sizes[When.ONLY_CORRECTIONS].total() + longest(When.FIRST_CORRECTION, 1),
        )
        + longest(When.LISTED, FULL_ARTICLES)
        + longest(When.ANY_SECOND, 1)
        + longest(When.ANY_THIRD_OR_FOURTH, 2)
    )


_ALL_TOGETHER = (When.ALWAYS, When.AT_LEAST, When.HOLDS, When.COMPACT, When.CORRECTS, When.WITH_CORRECTIONS)
"""The conditions whose segments can all stand in one edition."""


class _Edition:
    def __init__(self, mask: int, lead: int | None, articles: int) -> None:
        positions = [position for position in range(articles) if mask >> position & 1]
        self._rank: dict[int | None, int] = {position: rank for rank, position in enumerate(positions)}
        self.has_lead = lead in self._rank
        self.size = len(positions)
        self.corrections = mask >> articles
        self.first_correction = (self.corrections & -self.corrections).bit_length() - 1

    def fulfils(self, segment: Segment) -> bool:
        rank = self._rank.get(segment.number, -1)
        return _CONDITIONS[segment.when](self, rank, segment.number)


_CONDITIONS: dict[When, Callable[[_Edition, int, int], bool]] = {
    When.ALWAYS: lambda edition, rank, number: True,
    When.HOLDS: lambda edition, rank, number: rank >= 0,
    When.IN_FULL: lambda edition, rank, number: 0 <= rank < FULL_ARTICLES,
    When.COMPACT: lambda edition, rank, number: rank >= FULL_ARTICLES,
    When.WITH_LEAD: lambda edition, rank, number: edition.has_lead,
    When.WITHOUT_LEAD: lambda edition, rank, number: not edition.has_lead and edition.size >= number,
    When.FIRST: lambda edition, rank, number: not edition.has_lead and rank == 0,
    When.SECOND: lambda edition, rank, number: not edition.has_lead and rank == 1,
    When.THIRD_OR_FOURTH: lambda edition, rank, number: not edition.has_lead and rank in (2, 3),
    When.AT_LEAST: lambda edition, rank, number: edition.size >= number,
    When.LISTED: lambda edition, rank, number: 0 <= rank < FULL_ARTICLES and edition.size >= LISTED_FROM,
    When.ANY_SECOND: lambda edition, rank, number: rank == 1,
    When.ANY_THIRD_OR_FOURTH: lambda edition, rank, number: rank in (2, 3),
    When.CORRECTS: lambda edition, rank, number: bool(edition.corrections >> number & 1),
    When.WITH_CORRECTIONS: lambda edition, rank, number: edition.corrections > 0,
    When.ONLY_CORRECTIONS: lambda edition, rank, number: edition.size == 0,
    When.FIRST_CORRECTION: lambda edition, rank, number: edition.size == 0 and edition.first_correction == number,
}
"""By the rank of the segment's article in the edition (-1: it is not there), and the segment's number."""
