"""The bar of a digest's batches: one segment for each, as broad as its readers.

Above MOST_SEGMENTS neighbours of the same phase are drawn as one, and then the smallest with the one before, so that
a page is of a bounded size whatever the number of batches. A batch in doubt or being sent is never hidden by others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from newsletter.delivery.reports.batch_progress import BatchPhase, BatchProgress

MOST_SEGMENTS = 240
_GAP = 0.2
"""Per cent of the width between two segments, or less where they are narrow."""
_URGENCY = (BatchPhase.IN_DOUBT, BatchPhase.SENDING, BatchPhase.WAITING, BatchPhase.DONE)


class BarSegment(NamedTuple):
    """A part of the bar; `left` and `width` in per cent."""

    left: str
    width: str
    middle: str
    phase: BatchPhase


class SendingBar(NamedTuple):
    """The bar, and what it says in numbers."""

    segments: Sequence[BarSegment]
    counts: dict[BatchPhase, int]
    """Batches of each phase."""
    batches: int
    is_grouped: bool
    now: str
    """The batches that are being sent, as "21 and 22"; empty without any."""
    now_at: float
    """Where they stand, in per cent."""


class _Run(NamedTuple):
    phase: BatchPhase
    readers: int


def sending_bar(batches: Sequence[BatchProgress]) -> SendingBar:
    """The bar of batches in their order."""
    runs = [_Run(batch.phase, batch.readers) for batch in batches if batch.readers]
    is_grouped = len(runs) > MOST_SEGMENTS
    if is_grouped:
        runs = _fewer(runs)
    total = sum(run.readers for run in runs) or 1
    gap = min(_GAP, 20 / max(len(runs), 1))
    segments, before = [], 0
    for run in runs:
        left, width = 100 * before / total, 100 * run.readers / total
        shown = max(width - gap, width / 2)
        segments.append(BarSegment(_cent(left + gap / 2), _cent(shown), _cent(left + width / 2), run.phase))
        before += run.readers
    current = [place for place, each in enumerate(batches, 1) if each.phase is BatchPhase.SENDING]
    return SendingBar(
        segments,
        {phase: sum(each.phase is phase for each in batches) for phase in BatchPhase},
        len(batches),
        is_grouped,
        _places(current),
        _middle(batches, current),
    )


def _fewer(runs: Sequence[_Run]) -> list[_Run]:
    joined: list[_Run] = []
    for run in runs:
        if joined and joined[-1].phase is run.phase:
            joined[-1] = _Run(run.phase, joined[-1].readers + run.readers)
        else:
            joined.append(run)
    while len(joined) > MOST_SEGMENTS:
        joined = [_most_urgent(joined[place : place + 2]) for place in range(0, len(joined), 2)]
    return joined


def _most_urgent(pair: Sequence[_Run]) -> _Run:
    phase = min((run.phase for run in pair), key=_URGENCY.index)
    return _Run(phase, sum(run.readers for run in pair))


def _places(places: Sequence[int]) -> str:
    if len(places) > 3:
        return f"{places[0]:,}–{places[-1]:,}"
    return (
        " and ".join(filter(None, (", ".join(f"{each:,}" for each in places[:-1]), *(f"{places[-1]:,}",))))
        if places
        else ""
    )


def _middle(batches: Sequence[BatchProgress], places: Sequence[int]) -> float:
    """Kept away from both ends, where the first and the last number stand."""
    total = sum(batch.readers for batch in batches)
    if not places or not total:
        return 50
    until = sum(batch.readers for batch in batches[: places[0] - 1])
    return round(min(max(100 * until / total, 20), 80), 1)


def _cent(value: float) -> str:
    return f"{value:.2f}"
