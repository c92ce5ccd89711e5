"""Word diffs: both texts come back out of one, little is marked, and hostile texts take no longer than others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles import word_diff
from newsletter.articles.word_diff import Piece, PieceKind, WorkBudget, diff_words, new_side, normal, old_side

WORDS = st.sampled_from(
    ["a", "the", "38", "jobs", "jobs,", "back.", "“so”", "日本", "日", "\n", "\n\n", " ", "...", "é"]
)
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=80))


def written(pieces: Sequence[Piece]) -> str:
    signs = {PieceKind.SAME: "{}", PieceKind.REMOVED: "[-{}-]", PieceKind.ADDED: "[+{}+]"}
    return "".join(signs[piece.kind].format(piece.text) for piece in pieces).strip()


@given(TEXTS, TEXTS)
def test_both_texts_come_back(old: str, new: str) -> None:
    pieces = diff_words(old, new)
    assert old_side(pieces) == normal(old)
    assert new_side(pieces) == normal(new)


@given(TEXTS, TEXTS)
def test_both_texts_come_back_from_a_comparison_that_was_given_up(old: str, new: str) -> None:
    pieces = diff_words(old, new, WorkBudget(0))
    assert (old_side(pieces), new_side(pieces)) == (normal(old), normal(new))


@given(TEXTS)
def test_nothing_is_marked_in_the_same_text(text: str) -> None:
    assert {piece.kind for piece in diff_words(text, text, WorkBudget(0))} <= {PieceKind.SAME}


@given(TEXTS, TEXTS)
def test_pieces_are_never_empty_and_no_two_of_a_kind_follow_each_other(old: str, new: str) -> None:
    pieces = diff_words(old, new)
    assert all(piece.text for piece in pieces)
    assert all(one.kind != other.kind for one, other in pairwise(pieces))


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("By March, 36 of 64 were back.", "By March, 38 of 64 were back.", "By March,[- 36-][+ 38+] of 64 were back."),
        ("have been audited.", "have been audited, but late.", "have been audited[+, but late+]."),
        ("It is 36 of 64 now.", "It is 38 of 65 now.", "It is[- 36 of 64-][+ 38 of 65+] now."),
        ("It is new of late.", "It is new one of the late.", "It is new[+ one+] of[+ the+] late."),
        ("One word", "Another word", "[- One-][+ Another+] word"),
        ("", "Something", "[+ Something+]"),
        ("Something", "", "[- Something-]"),
        ("one\ntwo", "one two", "one[-\n-] two"),
        ("前の文章です", "今の文章です", "[- 前-][+ 今+]の文章です"),
        ("two  blanks", "two blanks", "two blanks"),
    ],
)
def test_what_is_marked(old: str, new: str, shown: str) -> None:
    assert written(diff_words(old, new)) == shown


def test_common_words_are_no_noise() -> None:
    """What difflib's `autojunk` would mark as changed, in texts of more than 200 words."""
    old = " ".join(["the", "a"] * 150)
    new = f"{old} ending"
    pieces = diff_words(f"first {old} end", f"other {new}")
    assert [piece.text for piece in pieces if piece.kind == PieceKind.SAME] == [f" {old}"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x " * 100_000, "y " + "x " * 99_000 + "z"),
        (" ".join(f"x u{n}" for n in range(20_000)), " ".join(f"x v{n}" for n in range(20_000))),
        ("." * 300_000, "." * 299_999 + "!"),
        ("w" * 500_000, "w" * 500_001),
        ("\n" * 100_000, "\n \n" * 50_000),
    ],
)
def test_a_hostile_text_costs_no_more_than_its_budget(old: str, new: str) -> None:
    """Without one the second of these would take an hour, and the test with it."""
    spent = Counting()
    pieces = diff_words(old, new, spent)
    assert spent.pairs <= word_diff.MOST_WORK
    assert (old_side(pieces), new_side(pieces)) == (normal(old), normal(new))


class Counting(WorkBudget):
    """Counts what was spent before the work was given up."""

    pairs = 0

    def spend(self, pairs: int) -> None:
        super().spend(pairs)
        self.pairs += pairs
