"""docs/develop.md, "Where is …?": each file is there, and has the name that the table gives."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import pytest

from tests.services.source import CHECKOUT


class Place(NamedTuple):
    """A row of the table."""

    question: str
    file: str
    name: str


def places() -> list[Place]:
    text = (CHECKOUT / "docs" / "develop.md").read_text().partition("## Where is …?")[2]
    rows = re.findall(r"^\| (.+?\?) \| `(.+?)` \| `(.+?)` \|$", text.partition("\n## ")[0], re.M)
    return [Place(*row) for row in rows]


def names_in(file: str) -> set[str]:
    """Functions, classes, methods and constants of a file."""
    found = set()
    for node in ast.walk(ast.parse((CHECKOUT / file).read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found


def test_at_least_thirty_questions_are_answered() -> None:
    assert len(places()) >= 30
    assert len({place.question for place in places()}) == len(places())


@pytest.mark.parametrize("place", places(), ids=lambda place: place.name)
def test_each_answer_is_true(place: Place) -> None:
    assert (CHECKOUT / place.file).is_file()
    assert place.name in names_in(place.file)
