"""The editions of a draft with their readers, and those who get nothing, with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.articles.models import Revision
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.delivery.reports.reader_preferences import ReaderPreferences
from newsletter.mail.formats import Format


class NothingReason(StrEnum):
    """Why no story of a digest is left for a reader."""

    PAUSE = "pause"
    """They are pausing."""
    SECTIONS = "sections"
    """No story is in a section of theirs."""
    TRUST = "trust"
    """No story of their sections has the trust that they want."""
    HYPE = "hype"
    """None of those has as little hype as they want."""


@dataclass(frozen=True)
class EditionCount:
    """An edition, and the readers whose choices lead to it."""

    mask: int
    readers: int
    preferences: tuple[ReaderPreferences, ...]
    """At most two of the choices that lead to it, those of the most readers first, each for one set of stories."""


@dataclass(frozen=True)
class EditionCounts:
    """All editions of a digest, those with the most readers first."""

    editions: Sequence[EditionCount]
    nothing: Mapping[NothingReason, int]
    by_story: Sequence[int]
    """The readers of each story."""
    languages: Mapping[str, int]
    formats: Mapping[str, int]

    @property
    def readers(self) -> int:
        """Those who get an edition."""
        return sum(edition.readers for edition in self.editions)


def count_editions(
    choices: Mapping[ReaderPreferences, int], revisions: Sequence[Revision], labels: Sequence[str]
) -> EditionCounts:
    """The editions of a digest of `revisions`; `labels` are HYPE_LABELS."""
    readers: Counter[int] = Counter()
    by_choice: dict[int, Counter[ReaderPreferences]] = defaultdict(Counter)
    nothing: Counter[NothingReason] = Counter()
    languages: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    for choice, count in choices.items():
        mask = mask_of(revisions, choice.sections, choice.min_trust, choice.max_hype, labels)
        if choice.is_pausing or not mask:
            nothing[_reason(choice, revisions, labels)] += count
            continue
        readers[mask] += count
        by_choice[mask][choice._replace(language="", format=Format.HTML)] += count
        languages[choice.language] += count
        formats[choice.format] += count
    editions = [
        EditionCount(mask, count, tuple(choice for choice, _ in by_choice[mask].most_common(2)))
        for mask, count in sorted(readers.items(), key=lambda item: (-item[1], item[0]))
    ]
    by_story = [sum(n for mask, n in readers.items() if mask >> i & 1) for i in range(len(revisions))]
    return EditionCounts(editions, nothing, by_story, languages, formats)


def _reason(choice: ReaderPreferences, revisions: Sequence[Revision], labels: Sequence[str]) -> NothingReason:
    """Why these readers get nothing."""
    if choice.is_pausing:
        return NothingReason.PAUSE
    if not mask_of(revisions, choice.sections, 0, None, labels):
        return NothingReason.SECTIONS
    if not mask_of(revisions, choice.sections, choice.min_trust, None, labels):
        return NothingReason.TRUST
    return NothingReason.HYPE
