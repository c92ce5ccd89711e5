"""Commands, options, `make` targets and settings that the documents name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from newsletter.cli import cli
from newsletter.core.config import NAMES
from tests.services.source import CHECKOUT

DOCUMENTS = sorted(
    [
        *CHECKOUT.glob("*.md"),
        *(CHECKOUT / "docs").rglob("*.md"),
        *(CHECKOUT / "docs" / "systemd").iterdir(),
        CHECKOUT / "Procfile",
    ]
)
NOT_OURS = {"TEST_DATABASE_URL", "NAME_FILE", "PR_SET_PDEATHSIG", "ON_ERROR_STOP", "AF_UNIX", "AF_INET"}
"""Names in capitals that are no settings."""


def code_in(document: Path) -> Iterator[str]:
    """What stands in code: inline, or lines of a block without their comments."""
    text = document.read_text()
    if document.suffix != ".md":
        yield from text.splitlines()
        return
    for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S):
        yield from (line.partition(" # ")[0] for line in block.splitlines())
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```\n.*?^```", "", text, flags=re.M | re.S))


def words_after(line: str, program: str) -> list[str] | None:
    found = re.search(rf"(?:^|[ /=]){program} ((?:[a-z-]).*)", line)
    return found[1].split() if found else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document: Path) -> None:
    for line in code_in(document):
        words = words_after(line, "newsletter")
        command: click.Command = cli
        while words and isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", words[0]):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        given = re.findall(r"(?<![\w-])--[a-z-]+", " ".join(words or []))
        assert set(given) <= options | {"--help"}, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.M))
    for line in code_in(document):
        words = words_after(line, "make")
        assert words is None or words[0] in targets, line


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.name != "develop.md"], ids=lambda path: path.name
)
def test_settings_exist(document: Path) -> None:
    named = {name for line in code_in(document) for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b(?==|$|[ ,])", line)}
    arguments = {"TEST_ARGS", "DEMO_ARGS", "BENCH_ARGS", "CHAOS_ARGS"}
    assert {name.removesuffix("_FILE") for name in named - NOT_OURS - arguments} <= set(NAMES)
