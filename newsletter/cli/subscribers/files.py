"""`newsletter subscribers`: importing and exporting files."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup

from newsletter.articles import queries
from newsletter.cli.hints import with_hint
from newsletter.cli.output import counted, emit, json_option, writing
from newsletter.core import key_fingerprints
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.serializers.subscribers import import_json
from newsletter.subscribers.files import csv_export, result_file
from newsletter.subscribers.files.paced_import import ImportOptions, ImportResult, import_file
from newsletter.subscribers.models import SubscriberStatus
from newsletter.subscribers.preferences import KnownNames

subscribers = AppGroup(
    "subscribers",
    help="Subscribers: import, export, list, count, show, erase, unsuppress, unbounce, and why readers unsubscribe.",
)


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
    help="Where to write the rows that were not taken as they are, and why; next to FILE if not given.",
)
@click.option(
    "--as-suppressions",
    is_flag=True,
    help="Keep readers from being mailed who unsubscribed, bounced or complained elsewhere.",
)
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to pass over; can be given again.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and store nothing.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    cadence: str,
    result: Path | None,
    as_suppressions: bool,
    ignore: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import readers who confirmed elsewhere from a CSV FILE of any size.

    The first row names the columns: email, and perhaps cadence, sections (separated by semicolons), min_trust and what
    else readers choose, confirmed_at and status. Rows of readers who unsubscribed, bounced or complained elsewhere are
    refused, or suppressed with --as-suppressions. Readers who are subscribed here, unsubscribed, were erased, bounced
    or complained stay as they are. A section, hype label, language or format that is not known here is left out with a
    note. The same command resumes an import that was stopped. Exit code 1 when a row was refused.
    """
    result = result or file.with_suffix(".dry-run.csv" if dry_run else ".result.csv")
    name = click.format_filename(file)
    try:
        result_file.require_place(result, file, runtime().settings.data_dir)
        done = _import(file, result, ImportOptions(cadence, _known_names(), dry_run, as_suppressions, ignore))
    except InvalidError as error:
        raise click.ClickException(f"{name}: {with_hint(error)}") from error
    except OSError as error:
        raise click.ClickException(f"{name} cannot be read: {error.strerror or 'it is not a file'}.") from error
    emit(import_json(done) | {"result": click.format_filename(result)}, _in_words(done), as_json=as_json)
    ctx.exit(1 if done.state.refused else 0)


def _known_names() -> KnownNames:
    """The sections and hype labels in use; before the first article no section can be called unknown."""
    with runtime().db.reading() as session:
        sections = queries.sections(session)
    return KnownNames(sections or None, runtime().settings.hype_labels)


def _import(file: Path, result: Path, options: ImportOptions) -> ImportResult:
    """Import with a progress bar on a terminal. Raises ConfigurationError for another SUPPRESSION_KEY than the
    database's: with it readers who were erased would come back."""
    key_fingerprints.check_keys(runtime().db, runtime().settings)
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        length=file.stat().st_size, label="Importing", file=sys.stderr, hidden=hidden, show_eta=True
    ) as bar:
        return import_file(
            runtime().db,
            runtime().settings.suppression_key,
            file,
            result,
            options,
            by=OPERATOR,
            progress=lambda position: bar.update(position - bar.pos),
        )


def _in_words(done: ImportResult) -> str:
    state = done.state
    counts = {name: getattr(state, name) for name in ("imported", "unchanged", "suppressed", "refused")}
    lines = [", ".join(f"{count:,} {name}" for name, count in counts.items()) + "."]
    if done.dry_run:
        lines.insert(0, "Nothing was stored. It would be:")
    elif done.resumed_from:
        lines.insert(0, f"An earlier import was resumed after row {done.resumed_from:,}; both together:")
    if state.noted:
        lines.append(f"{state.noted:,} of the imported or unchanged rows have a note.")
    if done.ignored:
        lines.append(f"Columns ignored: {', '.join(done.ignored)}.")
    if state.suppressed or state.refused or state.noted:
        lines.append(f"{click.format_filename(done.path)} holds the rows that were not taken as they are, and why.")
    return "\n".join(lines)


@subscribers.command()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in SubscriberStatus]),
    help="Subscribers with this status; can be given again.  [default: all]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="A file that its owner alone may read; stdout if not given.",
)
@json_option
def export(statuses: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Write subscribers as a CSV file, which `subscribers import` reads back.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    if as_json and output is None:
        raise click.UsageError("--json says what was written to a file: name it with --output.")
    selected = [SubscriberStatus(status) for status in statuses] or list(SubscriberStatus)
    if output is None:
        with writing():
            _write(sys.stdout, selected)
            sys.stdout.flush()
        return
    name = click.format_filename(output)
    try:
        with _replacing(output) as file:
            count = _write(file, selected)
    except OSError as error:
        raise click.ClickException(f"{name} cannot be written: {error.strerror}.") from error
    emit({"readers": count, "output": name}, f"{counted(count, 'reader')} in {name}.", as_json=as_json)


def _write(file: TextIO, statuses: list[SubscriberStatus]) -> int:
    """Write all subscribers with one of `statuses`; returns how many there were."""
    writer = csv_export.CsvWriter(file)
    count = 0
    for lines in csv_export.exported_lines(runtime().db, statuses):
        writer.write(lines)
        count += len(lines)
    return count


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
