"""Importing a file of any size: many short transactions, each of which stores how far the file is done.

So an import that was killed is resumed behind its last transaction, with the counts and the result file of that moment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import BinaryIO, NamedTuple

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import table_of
from newsletter.core.errors import ConflictError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers.files import ended_elsewhere
from newsletter.subscribers.files.csv_file import CsvFile, CsvRow, FilePosition
from newsletter.subscribers.files.imported_readers import ImportedReader, chunks, import_rows
from newsletter.subscribers.files.not_imported import reasons_not_to_import
from newsletter.subscribers.files.result_file import ResultFile, ResultRow, RowResult
from newsletter.subscribers.models import ImportProgress, SubscriberStatus
from newsletter.subscribers.suppression import suppressions

_PROGRESS = table_of(ImportProgress)
_STORE_PROGRESS = update(_PROGRESS).where(
    _PROGRESS.c.file_hash == bindparam("identity"), _PROGRESS.c.position == bindparam("previous")
)

RESUMABLE_FOR = timedelta(days=30)
"""An import that was stopped longer ago begins anew."""


class ImportState(NamedTuple):
    """How far a file is done, in rows and bytes, and what became of the rows."""

    row: int = 0
    position: int = 0
    imported: int = 0
    unchanged: int = 0
    suppressed: int = 0
    """Rows of readers who unsubscribed, bounced, complained or were erased, here or elsewhere."""
    refused: int = 0
    noted: int = 0
    """Imported and unchanged rows that the result file says something about."""
    result_size: int = 0

    @property
    def rows(self) -> int:
        """All rows that are done, without empty ones: each has one of four outcomes."""
        return self.imported + self.unchanged + self.suppressed + self.refused


class ResumableImport:
    """One run over a file, in the caller's transactions: `begin`, `import_chunk` for each chunk, `finish`.

    With `dry_run` it counts the same and stores nothing. With `as_suppressions` the addresses of readers who
    unsubscribed, bounced or complained elsewhere are suppressed; without it their rows are refused.
    """

    def __init__(
        self,
        file: CsvFile,
        result: ResultFile,
        key: SuppressionKey,
        *,
        dry_run: bool = False,
        as_suppressions: bool = False,
    ) -> None:
        self.state = ImportState()
        self.resumed_from: int | None = None
        """The row after which an earlier run is resumed."""
        self._file, self._result, self._key, self._dry_run = file, result, key, dry_run
        self._as_suppressions = as_suppressions
        self._version = _version(file.file)
        self._identity = _identity(file.file, key, f"{file.options} {as_suppressions}")

    def begin(self, session: Session) -> None:
        """Find out where an earlier run of the same file stopped.

        Without its result file everything is done again, which changes no reader twice.
        """
        earlier = None if self._dry_run else self._earlier(session)
        if earlier is not None and self._result.holds(earlier.result_size):
            self.state, self.resumed_from = earlier, earlier.row or None
            self._result.cut(earlier.result_size)
            return
        self._result.cut(0)
        self.state = ImportState(result_size=self._result.size)
        if not self._dry_run:
            outdated = _PROGRESS.c.updated_at < clock.now() - RESUMABLE_FOR
            session.execute(delete(_PROGRESS).where(or_(_PROGRESS.c.file_hash == self._identity, outdated)))
            try:
                session.execute(insert(_PROGRESS).values(file_hash=self._identity, **self._columns()))
            except IntegrityError as error:
                raise _already_running() from error

    def chunks(self, size: int) -> Iterator[list[CsvRow]]:
        """The rows that are left, `size` at a time."""
        after = FilePosition(self.state.row, self.state.position) if self.resumed_from else None
        return chunks(ended_elsewhere.without_ended(self._file, after), size)

    def import_chunk(self, session: Session, rows: Sequence[CsvRow], *, by: Actor) -> None:
        """Import a chunk; when an error leaves here, the transaction must not be committed.

        Raises ConflictError when the file changed or another run imported the same rows, and ResultFileError when the
        result cannot be written.
        """
        if _version(self._file.file) != self._version:
            raise ConflictError(
                "import.file_changed", "The file changed while it was read. The rows before that are imported."
            )
        ended = self._suppress(session, rows)
        # The first row of an address counts.
        readers = {row.reader.key: row.reader for row in reversed(rows) if row.reader is not None}
        why_not = reasons_not_to_import(session, self._key, readers)
        new = {key: readers[key] for key, reason in why_not.items() if reason is None}
        imported = len(new) if self._dry_run else import_rows(session, new.values(), by=by).imported
        rest = [row for row in rows if row.end.row not in ended]
        rejected = list(_rejected(rest, why_not))
        kept = [row for row in rows if ended.get(row.end.row) is SubscriberStatus.ACTIVE]
        notes = [
            *_notes(rest, why_not, new),
            *(_result(row, RowResult.NOTED, ended_elsewhere.STAYS_ACTIVE) for row in kept),
        ]
        self._result.add(sorted([*rejected, *notes], key=lambda row: row.row))
        suppressed = len(ended) - len(kept)
        refused = sum(row.result is RowResult.REFUSED for row in rejected)
        previous, end = self.state, rows[-1].end
        self.state = ImportState(
            end.row,
            end.position,
            previous.imported + imported,
            previous.unchanged + len(rows) - len(rejected) - imported - suppressed,
            previous.suppressed + len(rejected) - refused + suppressed,
            previous.refused + refused,
            previous.noted + len(notes),
            self._result.size,
        )
        if not self._dry_run:
            self._store_progress(session, previous)

    def finish(self, session: Session) -> None:
        """Delete the stored progress: the file is done."""
        if not self._dry_run:
            session.execute(delete(_PROGRESS).where(_PROGRESS.c.file_hash == self._identity))

    def _suppress(self, session: Session, rows: Sequence[CsvRow]) -> dict[int, SubscriberStatus | None]:
        if not self._as_suppressions:
            return {}
        return ended_elsewhere.suppress_ended(session, self._key, rows, dry_run=self._dry_run)

    def _earlier(self, session: Session) -> ImportState | None:
        columns = (_PROGRESS.c[name] for name in ImportState._fields)
        row = session.execute(select(*columns).where(_PROGRESS.c.file_hash == self._identity)).first()
        return ImportState(*row) if row else None

    def _store_progress(self, session: Session, previous: ImportState) -> None:
        values = {"identity": self._identity, "previous": previous.position, **self._columns()}
        if session.connection().execute(_STORE_PROGRESS, values).rowcount != 1:
            raise _already_running()

    def _columns(self) -> dict[str, object]:
        return {**self.state._asdict(), "updated_at": clock.now()}


def _already_running() -> ConflictError:
    return ConflictError("import.already_running", "Another import of this file is running.")


def _rejected(rows: Iterable[CsvRow], why_not: dict[AddressKey, str | None]) -> Iterator[ResultRow]:
    for row in rows:
        if row.reader is None:
            yield _result(row, RowResult.REFUSED, row.refusal)
        elif reason := why_not.get(row.reader.key):
            yield _result(row, RowResult.SUPPRESSED, reason)


def _notes(
    rows: Iterable[CsvRow], why_not: dict[AddressKey, str | None], new: dict[AddressKey, ImportedReader]
) -> Iterator[ResultRow]:
    """Warnings on all rows that were taken, and notes on those alone that new readers come from."""
    for row in rows:
        if row.reader is None or why_not.get(row.reader.key) or not (row.notes or row.warning):
            continue
        said = (row.warning, *(row.notes if new.get(row.reader.key) is row.reader else ()))
        if note := " ".join(filter(None, said)):
            yield _result(row, RowResult.NOTED, note)


def _result(row: CsvRow, result: RowResult, reason: str) -> ResultRow:
    return ResultRow(row.end.row, result, reason, row.cells)


def _version(file: BinaryIO) -> tuple[int, int]:
    """Changes when someone writes to the file."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _identity(file: BinaryIO, key: SuppressionKey, options: str) -> bytes:
    """The same for the same bytes and options. Keyed: the plain hash of a short file would tell who is in it."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return suppressions.keyed_hash(key, f"{digest.hexdigest()} {options}")
