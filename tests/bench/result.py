"""The results of a benchmark."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure; `kept` says whether the promise holds, None where nothing is promised."""

    what: str
    value: float
    unit: str
    promise: str = ""
    kept: bool | None = None


def at_most(what: str, value: float, unit: str, most: float) -> Row:
    return Row(what, value, unit, f"≤ {most:,g}", value <= most)


def at_least(what: str, value: float, unit: str, least: float) -> Row:
    return Row(what, value, unit, f"≥ {least:,g}", value >= least)


def goal(what: str, value: float, unit: str, promise: str) -> Row:
    """A time that is a goal on a quiet machine of two cores: shown beside it, and never missed."""
    return Row(what, value, unit, f"{promise} when quiet")
