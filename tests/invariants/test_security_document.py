"""docs/security.md: each file that it names is there, and each test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.services.source import CHECKOUT

ROW = re.compile(r"^\| (?:[0-9][^|]*)?\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
FOLDERS = ("newsletter", "")
"""Places below which the files are named."""


class Promise(NamedTuple):
    """A row of the tables: what holds, where it is written, and the tests."""

    what: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


def promises() -> Iterator[Promise]:
    text = (CHECKOUT / "docs" / "security.md").read_text().partition("## Review")[0]
    for what, here, test in ROW.findall(text):
        if what != "requirement" and not set(what) <= set("-| "):
            yield Promise(what, tuple(CODE.findall(here)), tuple(CODE.findall(test)))


def known_tests() -> set[str]:
    """The names of all tests, and of their files."""
    found = set()
    for path in (CHECKOUT / "tests").rglob("test_*.py"):
        found |= {path.name, *re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    return found


def test_each_promise_names_files_and_tests_that_are_there() -> None:
    found, tests = list(promises()), known_tests()
    assert len(found) > 50
    for each in found:
        assert each.files, each.what
        assert each.tests, each.what
        for file in each.files:
            assert any((CHECKOUT / folder / file).exists() for folder in FOLDERS), (each.what, file)
        assert set(each.tests) <= tests, (each.what, set(each.tests) - tests)
