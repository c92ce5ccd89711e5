"""Names use the words of docs/glossary.md: no retired name is left, and no name is given to two classes."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import click

from newsletter.cli import cli
from newsletter.core.config import NAMES
from newsletter.migrations.tables import metadata
from tests.services.source import CHECKOUT, sources

ALLOWED = {"mailed_twice", "_mailed_twice", "record_mailed_twice"}
WORDS_OF_PAGES = {"story", "stories"}
"""Retired but in views, which are named after what their pages say."""


class Name(NamedTuple):
    """A name, and the file or thing that has it."""

    name: str
    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.place})"


class Retired(NamedTuple):
    """Words that no name holds, and names that say too little by themselves."""

    words: frozenset[str]
    names: frozenset[str]


@cache
def retired() -> Retired:
    """The list in docs/glossary.md."""
    text = (CHECKOUT / "docs" / "glossary.md").read_text().partition("## Retired names")[2]
    cells = ", ".join(re.findall(r"^\| (.+?)(?: \(.+\))? \|", text, re.M)[2:]).split(", ")
    names = frozenset(cell.strip("*") for cell in cells if cell.startswith("*"))
    return Retired(frozenset(cell for cell in cells if not cell.startswith("*")), names)


def names_in_source() -> Iterator[Name]:
    """Modules, classes, functions and methods."""
    for path, tree in sources():
        yield Name(path.removesuffix(".py").rpartition("/")[2], "module", path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield Name(node.name, "class", path)
                yield from (Name(each.name, "method", path) for each in node.body if isinstance(each, ast.FunctionDef))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                is_command = any("command" in ast.unparse(each) for each in node.decorator_list)
                yield Name(node.name, "command" if is_command else "function", path)
        private = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("_"))
        yield from (Name(node.name, "helper", path) for node in private)


def type_names() -> Iterator[Name]:
    """Classes, and other names for types, such as `Outcome = Sent | Refused`."""
    yield from (name for name in names_in_source() if name.kind == "class")
    for path, tree in sources():
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            is_variable = "TypeVar(" in ast.unparse(node)
            if isinstance(target, ast.Name) and re.fullmatch("([A-Z][a-z]+)+", target.id) and not is_variable:
                yield Name(target.id, "type", path)


def other_names() -> Iterator[Name]:
    """Tables, columns, settings, commands and options."""
    for table in metadata.sorted_tables:
        yield Name(table.name, "table", "models")
        yield from (Name(column.name, "column", table.name) for column in table.columns)
    yield from (Name(name.lower(), "setting", "core/config") for name in NAMES)
    yield from commands(cli, "newsletter")


def commands(command: click.Command, path: str) -> Iterator[Name]:
    yield Name(command.name or path, "command", path)
    for parameter in command.params:
        yield from (Name(option.lstrip("-"), "option", path) for option in parameter.opts if option.startswith("--"))
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, f"{path} {name}")


def words_of(name: str) -> list[str]:
    """`OneTimeLink` and `one_time_link` are one, time, link. In `mark_sent` the verb is left out, which is no mark."""
    name = re.sub(r"^_?mark_(?=sen[dt])", "", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").strip("_").split("_")


def is_retired(name: Name) -> bool:
    if name.name in ALLOWED or name.place.startswith("newsletter/migrations/versions"):
        return False
    says_too_little = name.kind in ("function", "module") and name.name in retired().names
    allowed = WORDS_OF_PAGES if name.place.startswith("newsletter/web/") else set()
    return says_too_little or bool(retired().words.intersection(words_of(name.name)) - allowed)


def test_the_list_is_read() -> None:
    assert {"mark", "mailing", "settling"} <= retired().words
    assert {"who", "words"} <= retired().names
    assert is_retired(Name("LetterMark", "class", ""))
    assert not is_retired(Name("unsubscribe", "function", ""))
    assert is_retired(Name("StoryBlock", "class", "newsletter/digests/blocks.py"))
    assert not is_retired(Name("story_form", "module", "newsletter/web/desk/articles/story_form.py"))


def test_no_name_is_retired() -> None:
    assert [str(name) for name in (*names_in_source(), *other_names()) if is_retired(name)] == []


def test_no_name_is_given_to_two_types() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for name in type_names():
        if not name.name.startswith("_"):
            places[name.name].add(name.place)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
