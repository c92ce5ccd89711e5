"""The output of commands: words for people, or one JSON value on stdout with --json. Progress goes to stderr."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from newsletter.core.text_direction import keep_direction

F = TypeVar("F", bound=Callable[..., Any])

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE = re.compile(r"[\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def json_option(command: F) -> F:
    """Add `--json` (the parameter `as_json`) to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def emit(value: Any, words: str, *, as_json: bool) -> None:
    """Print `value` as one line of JSON, or `words`."""
    with writing():
        if as_json:
            click.echo(_escape_invisible(json.dumps(value, ensure_ascii=False, default=str)))
        else:
            say(words)


def say(words: str, *, err: bool = False) -> None:
    """Print words, which may hold texts of strangers: nothing in them controls the terminal or turns text around."""
    lines = (keep_direction(_CONTROL.sub("·", line)) for line in words.split("\n"))
    click.echo("\n".join(lines), err=err)


def _escape_invisible(text: str) -> str:
    """JSON with control characters and overrides as escapes: the same to programs, and harmless to a terminal."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def counted(number: int, noun: str) -> str:
    """Like "1 reader" or "2,000 readers"; `noun` makes its plural with an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def writing() -> Iterator[None]:
    """Turn a failed write to stdout into one sentence. click itself handles a closed pipe."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise click.ClickException(f"The output cannot be written: {error.strerror}.") from error


def table(rows: Sequence[tuple[object, ...]], head: tuple[str, ...], empty: str) -> str:
    """Rows in aligned columns under a head; `empty` says how to get some when there are none."""
    if not rows:
        return empty
    lines = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
