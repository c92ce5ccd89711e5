"""Grades: what scores and labels mean, at their borders."""

from __future__ import annotations

import pytest

from newsletter.articles.grades import Tint, hype_tint, trust_grade
from newsletter.core.config import HYPE_LABELS


@pytest.mark.parametrize(
    ("score", "word", "tint"),
    [
        (0, "low", Tint.BAD),
        (59, "low", Tint.BAD),
        (60, "fair", Tint.CARE),
        (79, "fair", Tint.CARE),
        (80, "high", Tint.GOOD),
        (100, "high", Tint.GOOD),
    ],
)
def test_a_trust_score_has_a_word_and_a_tint(score: int, word: str, tint: Tint) -> None:
    assert trust_grade(score) == (word, tint)


def test_hype_labels_run_from_good_to_bad() -> None:
    assert [hype_tint(label, HYPE_LABELS) for label in HYPE_LABELS] == [Tint.GOOD, Tint.GOOD, Tint.CARE, Tint.BAD]
    assert hype_tint("No label of ours", HYPE_LABELS) == Tint.CARE
