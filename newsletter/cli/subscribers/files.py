"""`newsletter subscribers`: readers, as the operator sees them."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from newsletter.cli.output import emit, json_option, writing
from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.subscribers.files import csv_export, result_file
from newsletter.subscribers.files.file_import import FileImport
from newsletter.subscribers.models import SubscriberStatus

subscribers = AppGroup("subscribers", help="Readers: import, export, show, erase, unsuppress, and why they leave.")

CHUNK, LONG_CHUNK = 500, 2000
"""Rows in a transaction of an import, on SQLite and on PostgreSQL."""
PAUSE, SHARE = 0.005, 0.6
"""SQLite has one writer. Between two transactions of an import it is left to the others, who look for their turn every
few milliseconds: for so many seconds at least, and for this share of the time that the last transaction took. The next
rows are read meanwhile.
"""
PRAGMAS = ("cache_size=-65536", "wal_autocheckpoint=16000")
"""SQLite for an import: 64 MB of pages kept, or it takes twice as long; and as many written to the log before they are
brought into the file, since each chunk changes much the same pages of the index (a fifth less time).
"""


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--cadence",
    type=click.Choice([cadence.value for cadence in READER_CADENCES]),
    default=Cadence.WEEKLY.value,
    show_default=True,
    help="For rows that name none.",
)
@click.option(
    "--result",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Where to say which rows were not taken, and why; next to FILE if not given.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and store nothing.")
@json_option
@click.pass_context
def import_(ctx: click.Context, file: Path, cadence: str, result: Path | None, dry_run: bool, as_json: bool) -> None:
    """Import readers who confirmed elsewhere from a CSV FILE of any size.

    The first row names the columns: email, and perhaps cadence, sections (separated by semicolons), min_trust and what
    else readers choose, confirmed_at and status. Whoever is known here, has left, was erased, bounced or complained
    stays as they are. An import that was stopped goes on where it was when the same command is given again. Exit code 1
    when a row was refused.
    """
    result = result or file.with_suffix(".dry-run.csv" if dry_run else ".result.csv")
    name = click.format_filename(file)
    try:
        with file.open("rb") as source, result_file.opened(result) as refusals:
            key = runtime().settings.suppression_key
            work = FileImport(source, refusals, key, cadence, dry_run=dry_run)
            _run(work, file.stat().st_size)
    except InvalidError as error:
        raise click.ClickException(f"{name}: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{name} cannot be read: {error.strerror or 'it is no file'}.") from error
    summary = {
        "rows": max(work.done.row - 1, 0),
        "imported": work.done.imported,
        "unchanged": work.done.unchanged,
        "suppressed": work.done.suppressed,
        "refused": work.done.refused,
        "resumed_from": work.resumed_from,
        "dry_run": dry_run,
        "result": click.format_filename(result),
    }
    emit(summary, _words(summary), as_json=as_json)
    ctx.exit(1 if work.done.refused else 0)


def _run(work: FileImport, size: int) -> None:
    db = runtime().db
    with db.transaction() as session:
        for pragma in PRAGMAS if db.is_sqlite else ():
            session.connection().exec_driver_sql(f"PRAGMA {pragma}")
        work.begin(session)
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=size, label="Importing", file=sys.stderr, hidden=hidden, show_eta=True) as bar:
        bar.update(work.done.position)
        others_until = 0.0
        for rows in work.chunks(CHUNK if db.is_sqlite else LONG_CHUNK):
            if db.is_sqlite:
                time.sleep(max(0.0, others_until - time.perf_counter()))
            before, began = work.done.position, time.perf_counter()
            with db.transaction() as session:
                work.take(session, rows)
            ended = time.perf_counter()
            others_until = ended + max(PAUSE, SHARE * (ended - began))
            bar.update(work.done.position - before)
    with db.transaction() as session:
        work.end(session)


def _words(summary: dict[str, Any]) -> str:
    counts = ", ".join(f"{summary[name]:,} {name}" for name in ("imported", "unchanged", "suppressed", "refused"))
    lines = [f"{counts}."]
    if summary["dry_run"]:
        lines.insert(0, "Nothing was stored. It would be:")
    elif summary["resumed_from"]:
        lines.insert(0, f"An earlier import was gone on with after row {summary['resumed_from']:,}; both together:")
    if summary["suppressed"] or summary["refused"]:
        lines.append(f"{summary['result']} says which rows were not taken, and why.")
    return "\n".join(lines)


@subscribers.command()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in SubscriberStatus]),
    help="Readers with this status; can be given again.  [default: all]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="A file that its owner alone may read; stdout if not given.",
)
@json_option
def export(statuses: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Write readers as a CSV file, which `subscribers import` reads back.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    if as_json and output is None:
        raise click.UsageError("--json says what was written to a file: name it with --output.")
    wanted = [SubscriberStatus(status) for status in statuses] or list(SubscriberStatus)
    if output is None:
        with writing():
            _write(sys.stdout, wanted)
            sys.stdout.flush()
        return
    name = click.format_filename(output)
    try:
        with _replacing(output) as file:
            readers = _write(file, wanted)
    except OSError as error:
        raise click.ClickException(f"{name} cannot be written: {error.strerror}.") from error
    emit({"readers": readers, "output": name}, f"{readers:,} readers are in {name}.", as_json=as_json)


def _write(file: TextIO, statuses: list[SubscriberStatus]) -> int:
    """Write all readers with one of `statuses`; how many there were."""
    file.write(csv_export.header_line())
    count, last_id = 0, 0
    while True:
        with runtime().db.reading() as session:
            page = csv_export.export_page(session, statuses, last_id)
        if not page.readers:
            return count
        file.write(page.text)
        count, last_id = count + page.readers, page.last_id


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file beside `path` that takes its place once it is whole; private to its owner."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
