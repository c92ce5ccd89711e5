"""The table of editions: a row for each, named by the choices that lead to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from newsletter.core.runtime import runtime
from newsletter.delivery.reports.edition_counts import NothingReason, count_editions
from newsletter.digests.models import Digest
from newsletter.web.desk.cached_preferences import CountedPreferences
from newsletter.web.desk.compose_words import edition_name
from newsletter.web.desk.value_cache import ValueCache

MOST_ROWS = 12
"""Editions that are shown, those with the most readers; the others are counted together."""


class MatrixRow(NamedTuple):
    """An edition."""

    mask: int
    name: str
    holds: Sequence[bool]
    """For each story whether it is in it."""
    readers: int
    share: float
    """Of all readers, pausing ones left out, in per cent."""


class Matrix(NamedTuple):
    """The editions of a draft, counted from the readers' choices."""

    rows: Sequence[MatrixRow]
    others: int
    """The number of editions that no row shows; `others_readers` has their readers."""
    others_readers: int
    nothing: Mapping[NothingReason, int]
    by_story: Sequence[int]
    readers: int
    """Those who get an edition."""
    everybody: int
    """These and those for whom no story is left, without those who are pausing."""
    languages: Mapping[str, int]
    formats: Mapping[str, int]
    counted_at: datetime


_matrices: ValueCache[tuple[int, int, datetime, int], Matrix] = ValueCache(3600.0)
"""By the digest's number and version, the time of the count, and the number of rows: nothing else changes one."""


def matrix_of(digest: Digest, counted: CountedPreferences, most_rows: int = MOST_ROWS) -> Matrix:
    """The editions of a digest, for readers of its cadence."""
    key = (digest.id, digest.version, counted.counted_at, most_rows)
    return _matrices.get(key, lambda: _count(digest, counted, most_rows))


def _count(digest: Digest, counted: CountedPreferences, most_rows: int) -> Matrix:
    revisions, labels = digest.revisions, runtime().settings.hype_labels
    counts = count_editions(counted.preferences, revisions, labels)
    shown = counts.editions[:most_rows]
    rows = [
        MatrixRow(
            edition.mask,
            edition_name(edition, revisions, labels),
            [bool(edition.mask >> position & 1) for position in range(len(revisions))],
            edition.readers,
            100 * edition.readers / counted.readers,
        )
        for edition in shown
    ]
    others = counts.editions[most_rows:]
    return Matrix(
        rows,
        len(others),
        sum(edition.readers for edition in others),
        counts.nothing,
        counts.by_story,
        counts.readers,
        counted.readers,
        counts.languages,
        counts.formats,
        counted.counted_at,
    )
