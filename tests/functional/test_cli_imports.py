"""`newsletter --help` and `--version` answer at once: they import click, and nothing that a command needs. Commands of
groups make the application that they work with.
"""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from flask import Flask
from flask.cli import ScriptInfo

from newsletter.cli import COMMANDS

HEAVY = {
    "sqlalchemy",
    "flask",
    "alembic",
    "sendgrid",
    "mjml",
    "babel",
    "jinja2",
    "redis",
    "rq",
    "cryptography",
    "psycopg",
}
SCRIPT = """
import atexit, sys
from newsletter.cli import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["newsletter", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"], []])
def test_help_imports_nothing_that_a_command_needs(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=False)
    assert "newsletter" in done.stdout + done.stderr
    imported = set(done.stderr.splitlines()[-1].split())
    assert "click" in imported
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()
    ours = {name for name in imported if name.startswith("newsletter.")}
    assert ours == {"newsletter.cli", "newsletter.cli.lazy_commands"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says(name: str) -> None:
    assert COMMANDS[name].name == name
    assert len(COMMANDS.origins[name].summary) < 60


class ReachedError(Exception):
    """A command asked for the application."""


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_of_a_group_have_the_application(name: str) -> None:
    """The test client's runner has a context already, so it does not notice."""

    def application() -> Flask:
        raise ReachedError

    group = COMMANDS[name]
    for command in group.commands.values() if isinstance(group, click.Group) else ():
        context = click.Context(command, obj=ScriptInfo(create_app=application))
        assert command.callback
        with pytest.raises(ReachedError):
            context.invoke(command.callback)
