"""Importing a file of any size: many short transactions, each of which says in the database how far the file is done.

So an import that was killed goes on behind its last transaction, with the counts and the result file of that moment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from io import BufferedReader
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import rows_where_in, table_of
from newsletter.core.errors import ConflictError
from newsletter.subscribers.files import csv_file
from newsletter.subscribers.files.csv_file import CsvRow, FilePosition
from newsletter.subscribers.files.importing import ImportedReader, chunks, import_rows
from newsletter.subscribers.files.result_file import HEAD, RejectedRow, ResultFile
from newsletter.subscribers.models import ImportProgress, Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppressions

_TABLE = table_of(Subscriber)
_STATUS = select(_TABLE.c.address_key, _TABLE.c.status)
_PROGRESS = table_of(ImportProgress)
_GET_ON = update(_PROGRESS).where(
    _PROGRESS.c.file_hash == bindparam("identity"), _PROGRESS.c.position == bindparam("before")
)

FORGOTTEN_AFTER = timedelta(days=30)
"""An import that was not gone on with for so long begins anew."""

NOT_BROUGHT_BACK = {
    SubscriberStatus.UNSUBSCRIBED: "The reader of this address has left.",
    SubscriberStatus.BOUNCED: "Mail to this address bounced.",
    SubscriberStatus.COMPLAINED: "The reader of this address has complained about a mail.",
}
MUST_NOT_BE_MAILED = "This address must not be mailed: its reader left or was erased, or it bounced or complained."
RUNNING = "Another import of this file is running."
CHANGED = "The file changed while it was read. What was read so far is kept; run the command again."


class ImportState(NamedTuple):
    """How far a file is done. `suppressed`: rows of readers who left, bounced, complained or were erased."""

    row: int = 0
    position: int = 0
    imported: int = 0
    unchanged: int = 0
    suppressed: int = 0
    refused: int = 0
    result_size: int = 0


class FileImport:
    """One run over a file. The door opens a transaction for `begin`, for each chunk that it hands to `take`, and for
    `end`; with `dry_run` it is told the same and nothing is stored.
    """

    def __init__(
        self, file: BufferedReader, result: ResultFile, key: str, cadence: str, *, dry_run: bool = False
    ) -> None:
        self.done = ImportState()
        self.resumed_from: int | None = None
        """The row after which an earlier run is gone on with."""
        self._file, self._result, self._key, self._cadence, self._dry_run = file, result, key, cadence, dry_run
        self._seen = _seen(file)
        self._identity = _identity(file, key, cadence)

    def begin(self, session: Session) -> None:
        """Find out where an earlier run of the same file stopped. Its result file must be there, or all is done again,
        which changes nobody twice.
        """
        earlier = None if self._dry_run else self._earlier(session)
        if earlier is not None and len(HEAD) <= earlier.result_size <= self._result.size:
            self.done, self.resumed_from = earlier, earlier.row or None
            self._result.cut(earlier.result_size)
            return
        self._result.cut(0)
        self.done = ImportState(result_size=self._result.size)
        if not self._dry_run:
            old = _PROGRESS.c.updated_at < clock.now() - FORGOTTEN_AFTER
            session.execute(delete(_PROGRESS).where(or_(_PROGRESS.c.file_hash == self._identity, old)))
            try:
                session.execute(insert(_PROGRESS).values(file_hash=self._identity, **self._columns()))
            except IntegrityError as error:
                raise ConflictError(RUNNING) from error

    def chunks(self, size: int) -> Iterator[list[CsvRow]]:
        """The rows that are to be done, `size` at a time. Raises InvalidError for a file that cannot be used at all."""
        after = FilePosition(self.done.row, self.done.position) if self.resumed_from else None
        return chunks(csv_file.read_rows(self._file, self._cadence, after), size)

    def take(self, session: Session, rows: Sequence[CsvRow]) -> None:
        """Import a chunk. Raises ConflictError when the file changed, or another import of it got on meanwhile, and
        ResultFileError when the result cannot be written; then the transaction must not be committed.
        """
        if _seen(self._file) != self._seen:
            raise ConflictError(CHANGED)
        readers = {row.found.key: row.found for row in reversed(rows) if isinstance(row.found, ImportedReader)}
        why_not = self._why_not(session, readers)
        new = [readers[key] for key, reason in why_not.items() if reason is None]
        imported = len(new) if self._dry_run else import_rows(session, new).imported
        not_taken = list(_not_taken(rows, why_not))
        self._result.add(not_taken)
        refused = sum(one.result == "refused" for one in not_taken)
        before, end = self.done, rows[-1].end
        self.done = ImportState(
            end.row,
            end.position,
            before.imported + imported,
            before.unchanged + len(rows) - len(not_taken) - imported,
            before.suppressed + len(not_taken) - refused,
            before.refused + refused,
            self._result.size,
        )
        if not self._dry_run:
            self._get_on(session, before)

    def end(self, session: Session) -> None:
        """Forget how far the file is done: it is done."""
        if not self._dry_run:
            session.execute(delete(_PROGRESS).where(_PROGRESS.c.file_hash == self._identity))

    def _why_not(self, session: Session, readers: dict[str, ImportedReader]) -> dict[str, str | None]:
        """For each key that is not an active reader's why it stays as it is; None for those who come in.

        Sorted, so that two imports at once lock the same rows in the same order.
        """
        known = rows_where_in(session, _STATUS, _TABLE.c.address_key, list(readers))
        status = {row.address_key: row.status for row in known}
        open_ = [key for key in readers if status.get(key, SubscriberStatus.PENDING) == SubscriberStatus.PENDING]
        suppressed = suppressions.suppressed_among(session, self._key, open_)
        return {
            key: MUST_NOT_BE_MAILED
            if key in suppressed
            else NOT_BROUGHT_BACK.get(SubscriberStatus(status.get(key, "pending")))
            for key in sorted(readers)
            if status.get(key) != SubscriberStatus.ACTIVE
        }

    def _earlier(self, session: Session) -> ImportState | None:
        columns = (_PROGRESS.c[name] for name in ImportState._fields)
        found = session.execute(select(*columns).where(_PROGRESS.c.file_hash == self._identity)).first()
        return ImportState(*found) if found else None

    def _get_on(self, session: Session, before: ImportState) -> None:
        given = {"identity": self._identity, "before": before.position, **self._columns()}
        found = session.connection().execute(_GET_ON, given)
        if found.rowcount != 1:
            raise ConflictError(RUNNING)

    def _columns(self) -> dict[str, object]:
        return {**self.done._asdict(), "updated_at": clock.now()}


def _not_taken(rows: Iterable[CsvRow], why_not: dict[str, str | None]) -> Iterator[RejectedRow]:
    for row in rows:
        if isinstance(row.found, str):
            yield RejectedRow(row.end.row, "refused", row.found)
        elif reason := why_not.get(row.found.key):
            yield RejectedRow(row.end.row, "suppressed", reason)


def _seen(file: BufferedReader) -> tuple[int, int]:
    """What changes when someone writes to the file."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _identity(file: BufferedReader, key: str, cadence: str) -> bytes:
    """The same for the same bytes and the same options. Keyed: the hash of a short file would tell who is in it."""
    file.seek(0)
    return suppressions.suppression_hash(key, f"{hashlib.file_digest(file, 'sha256').hexdigest()} {cadence}")
