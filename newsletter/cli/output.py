"""The output of commands: words for people, or one JSON value on stdout with --json. Progress goes to stderr."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json` (the parameter `as_json`) to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def emit(value: Any, words: str, *, as_json: bool) -> None:
    """Print `value` as one line of JSON, or `words`."""
    with writing():
        click.echo(json.dumps(value, ensure_ascii=False, default=str) if as_json else words)


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
