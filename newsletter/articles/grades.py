"""Grades of trust and hype: a word for a score, and a tint for both."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from newsletter.core.languages import gettext_noop

HIGH_TRUST, FAIR_TRUST = 80, 60
"""The lowest trust scores that count as high and as fair."""


class Tint(StrEnum):
    """The tint that goes with a grade. It never speaks alone: a word stands beside it."""

    GOOD = "good"
    CARE = "care"
    BAD = "bad"


class Grade(NamedTuple):
    """A word for a trust score, and its tint."""

    word: str
    tint: Tint


def trust_grade(score: int) -> Grade:
    """The grade of a trust score of 0 to 100."""
    if score >= HIGH_TRUST:
        return Grade(gettext_noop("high"), Tint.GOOD)
    if score >= FAIR_TRUST:
        return Grade(gettext_noop("fair"), Tint.CARE)
    return Grade(gettext_noop("low"), Tint.BAD)


def hype_tint(label: str, labels: Sequence[str]) -> Tint:
    """The tint of a hype label, by its place among `labels`, which run from the least hype to the most.

    The first half is good and the last one bad. A label that is not in use any more counts as one in the middle.
    """
    place = labels.index(label) if label in labels else len(labels) // 2
    if place < len(labels) / 2:
        return Tint.GOOD
    return Tint.BAD if place == len(labels) - 1 else Tint.CARE
