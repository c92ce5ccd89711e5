"""The recipients of a digest in words: one figure for each outcome, which always sum to the recipients."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Figures(Protocol):
    """The parts of a digest's recipients, as its state and its report have them."""

    @property
    def recipients(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def in_doubt(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def unanswered(self) -> int: ...
    @property
    def deferred(self) -> int: ...
    @property
    def cancelled(self) -> int: ...


def describe_figures(figures: Figures) -> str:
    """The recipients and their parts, without those that are 0."""
    parts = {
        "accepted": figures.accepted,
        "refused": figures.refused,
        "skipped": figures.skipped,
        "in doubt": figures.in_doubt,
        "waiting": figures.waiting,
        "unanswered": figures.unanswered,
        "deferred": figures.deferred,
        "cancelled": figures.cancelled,
    }
    return f"{figures.recipients:,} recipients: {join_counts(parts) or 'nobody'}"


def join_counts(parts: dict[str, int]) -> str:
    """Counts with their names, without those that are 0."""
    return ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)


def describe_hours(count: int, last: datetime) -> str:
    """The number of readers whose chosen hour is still to come, and the last such hour."""
    return f"{count:,} wait for the hour that they chose, the last until {last:%Y-%m-%d %H:%M} UTC"
