"""`newsletter subscribers`: readers, as the operator sees them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from newsletter.cli.output import emit, json_option
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.subscribers import csv_file
from newsletter.subscribers.importing import CHUNK, Reader, chunks, import_rows
from newsletter.subscribers.models import Cadence

subscribers = AppGroup("subscribers", help="Readers: import.")

PAUSE = 0.01
"""Seconds between two transactions of an import, so that a reader's sign-up gets its turn (SQLite has one writer)."""


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--cadence",
    type=click.Choice([cadence.value for cadence in Cadence]),
    default=Cadence.WEEKLY.value,
    show_default=True,
    help="For rows that name none.",
)
@json_option
@click.pass_context
def import_(ctx: click.Context, file: Path, cadence: str, as_json: bool) -> None:
    """Import readers who confirmed elsewhere from a CSV FILE.

    The first row names the columns: email, and perhaps cadence, sections (separated by semicolons), min_trust and
    confirmed_at. Whoever is known here, or has left, stays as they are. Exit code 1 when a row was refused.
    """
    result: dict[str, Any] = {"imported": 0, "unchanged": 0, "refused": []}
    try:
        _import(file, cadence, result)
    except InvalidError as error:
        raise click.ClickException(f"{file}: {error}") from error
    emit(result, _words(result), as_json=as_json)
    ctx.exit(1 if result["refused"] else 0)


def _import(file: Path, cadence: str, result: dict[str, Any]) -> None:
    with csv_file.open_text(file) as text:
        for chunk in chunks(csv_file.read(text, cadence), CHUNK):
            readers = [reader for _, reader in chunk if isinstance(reader, Reader)]
            result["refused"] += [{"row": row, "reason": why} for row, why in chunk if isinstance(why, str)]
            with runtime().db.transaction() as session:
                done = import_rows(session, readers)
            result["imported"] += done.imported
            result["unchanged"] += done.unchanged
            if sys.stderr.isatty():
                click.echo(f"\r{chunk[-1][0]:,} rows ", nl=False, err=True)
            time.sleep(PAUSE)


def _words(result: dict[str, Any]) -> str:
    lines = [f"Row {refused['row']}: {refused['reason']}" for refused in result["refused"]]
    lines.append(
        f"{result['imported']:,} imported, {result['unchanged']:,} unchanged, {len(result['refused']):,} refused."
    )
    return "\n".join(lines)
