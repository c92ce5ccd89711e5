"""`newsletter rubric`: the parts of the trust score, as /trust explains them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from flask.cli import AppGroup

from newsletter.articles import rubrics
from newsletter.articles.models import Rubric
from newsletter.articles.rubric_parts import read_parts
from newsletter.cli.output import emit, json_option
from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH
from newsletter.core.runtime import runtime
from newsletter.serializers.articles import rubric_json

rubric = AppGroup("rubric", help="The rubric of the trust score: show, set.")

LARGEST = 1_000_000
"""Bytes of a file."""


@rubric.command()
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The rubric of this day [today].")
@json_option
def show(day: datetime | None, as_json: bool) -> None:
    """Show the rubric that is in force. Its JSON, edited, is a file for `set`."""
    with runtime().db.reading() as session:
        found = rubrics.rubric_in_force(session, day.date() if day else clock.today(runtime().settings.timezone))
        emit(rubric_json(found), _in_words(found), as_json=as_json)


@rubric.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--from", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day on which it counts."
)
@json_option
def set_(file: Path, day: datetime, as_json: bool) -> None:
    """Set the rubric that counts from a day on, from a JSON file as `show --json` prints it.

    Scores that were given before keep the rubric that they were given under.
    """
    parts = read_parts(_parts_in(file))
    today = clock.today(runtime().settings.timezone)
    with runtime().db.transaction() as session:
        found = rubrics.set_rubric(session, parts, effective_from=day.date(), today=today)
        value, words = rubric_json(found), _in_words(found)
    emit(value, words, as_json=as_json)


def _parts_in(file: Path) -> object:
    try:
        with file.open("rb") as opened:
            values = json.loads(opened.read(LARGEST))
    except OSError as error:
        raise InvalidError(
            "rubric.unreadable", "%(file)s cannot be read (%(cause)s).", file=file, cause=error.strerror
        ) from error
    except ValueError as error:
        raise InvalidError("rubric.no_json", "%(file)s is not JSON in UTF-8.", file=file) from error
    return values.get("parts") if isinstance(values, dict) else values


def _in_words(found: Rubric) -> str:
    number = f"Rubric {found.id}" if found.id else "The shipped rubric"
    lines = [f"{number}, in force since {found.effective_from}"]
    for part in rubrics.parts_of(found):
        words = part.in_language(ENGLISH)
        lines += ["", f"{words.name}: up to {part.most}", f"  {words.question}", f"  {words.earns}"]
    return "\n".join(lines)
