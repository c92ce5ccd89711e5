"""The check of docstrings and comments."""

from __future__ import annotations

import pytest

from tests.checks.english import findings


def words(docstring: str) -> list[str]:
    return [each.words for each in findings(f'"""{docstring}"""\n')]


@pytest.mark.parametrize(
    "docstring",
    [
        "Who is deferred is asked again.",
        "Reads a list. What was not frozen waits.",
        "A list.\n\nWhose the address is\nstands in it.",
        "Kept: it is written once. Whoever left stays away.",
        "The door opens the transaction.",
        "Knows no other room.",
        "A file is kept\nso long: then it goes.",
    ],
)
def test_reported(docstring: str) -> None:
    assert len(words(docstring)) == 1


@pytest.mark.parametrize(
    "docstring",
    [
        "What is due? A list says it.",
        "The reader who left stays away, whatever happens.",
        "Whether it is due.",
        "An address and what belongs to it.",
        "The mushroom and the warehouse.",
        "So many readers that none is missed.",
    ],
)
def test_not_reported(docstring: str) -> None:
    assert words(docstring) == []


def test_comments_and_attributes_are_read_too() -> None:
    source = 'class A:\n    b = 1\n    """Who asks."""\n    # through the door\n    c = "the door of a house"\n'
    assert [(each.line, each.words) for each in findings(source)] == [(3, "Who asks."), (4, "“door” in a comment")]
