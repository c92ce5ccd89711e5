"""Running the import of a file: its chunks, and the pauses that leave SQLite to others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from newsletter.core.actors import Actor
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers.files import result_file
from newsletter.subscribers.files.csv_file import CsvFile
from newsletter.subscribers.files.csv_head import CsvHead
from newsletter.subscribers.files.resumable_import import ImportState, ResumableImport
from newsletter.subscribers.preferences import KnownNames

SQLITE_CHUNK, POSTGRESQL_CHUNK = 500, 2000
"""Rows in one transaction."""

SHORTEST_PAUSE, PAUSE_SHARE = 0.005, 0.6
"""SQLite has one writer. Between two transactions it is left to others, who try again every few milliseconds: for so
many seconds at least, and for this share of the time that the last transaction took. The next rows are read meanwhile.
"""

SQLITE_PRAGMAS = ("cache_size=-65536", "wal_autocheckpoint=16000")
"""64 MB of pages kept, or an import takes twice as long. More pages in the log before they are brought into the file:
each chunk changes much the same pages of the index (a fifth less time).
"""


@dataclass(frozen=True)
class ImportOptions:
    """How a file is imported."""

    cadence: str
    """For rows that name none."""
    known: KnownNames
    dry_run: bool = False
    """Find out what would be done, and store nothing."""
    as_suppressions: bool = False
    """Suppress the addresses of readers who unsubscribed, bounced or complained elsewhere."""
    ignore: tuple[str, ...] = ()
    """Columns to pass over."""


@dataclass(frozen=True)
class ImportResult:
    """How an import ended; `path` is where the result file says which rows were not taken as they are, and why."""

    state: ImportState
    resumed_from: int | None
    """The row after which an earlier run was resumed."""
    dry_run: bool
    path: Path
    ignored: tuple[str, ...]
    """The columns that were passed over."""


def import_file(
    db: Database,
    suppression_key: SuppressionKey,
    file: Path,
    result: Path,
    options: ImportOptions,
    *,
    by: Actor,
    progress: Callable[[int], None] = lambda position: None,
) -> ImportResult:
    """Import the CSV file at `file`, or resume an earlier run of the same file that was stopped.

    `progress` is called after each transaction with the number of bytes that are done. Raises InvalidError for a file
    that cannot be used, ConflictError when the file changes or is imported twice at once, ResultFileError, and OSError
    when `file` cannot be read.
    """
    with file.open("rb") as source:
        readers = CsvFile(source, options.cadence, options.known, options.ignore)
        if not options.as_suppressions:
            _refuse_unsubscribed(readers.head)
        with result_file.opened(result, readers.head) as rejected:
            work = ResumableImport(
                readers,
                rejected,
                suppression_key,
                dry_run=options.dry_run,
                as_suppressions=options.as_suppressions,
            )
            _run(db, work, by, progress)
    return ImportResult(work.state, work.resumed_from, options.dry_run, result, readers.head.ignored)


def _refuse_unsubscribed(head: CsvHead) -> None:
    if head.of_unsubscribed is not None:
        raise InvalidError(
            "import.file_of_unsubscribed",
            "The column “%(column)s” stands in files of people who unsubscribed, or whose mailboxes are gone.",
            column=head.of_unsubscribed,
        )


def _run(db: Database, work: ResumableImport, by: Actor, progress: Callable[[int], None]) -> None:
    with db.transaction() as session:
        for pragma in SQLITE_PRAGMAS if db.is_sqlite else ():
            session.connection().exec_driver_sql(f"PRAGMA {pragma}")
        work.begin(session)
    progress(work.state.position)
    pause_until = 0.0
    for rows in work.chunks(SQLITE_CHUNK if db.is_sqlite else POSTGRESQL_CHUNK):
        if db.is_sqlite:
            time.sleep(max(0.0, pause_until - time.perf_counter()))
        began_at = time.perf_counter()
        with db.transaction() as session:
            work.import_chunk(session, rows, by=by)
        ended_at = time.perf_counter()
        pause_until = ended_at + max(SHORTEST_PAUSE, PAUSE_SHARE * (ended_at - began_at))
        progress(work.state.position)
    with db.transaction() as session:
        work.finish(session)
