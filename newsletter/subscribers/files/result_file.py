"""The result file of an import: the rows that were not taken as they are, and why.

It has the columns of the imported file and `reason`, so it can be mended and imported again. It holds addresses: only
its owner may read it, and it never lies in DATA_DIR, which is backed up.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from newsletter.core.errors import ConflictError, NewsletterError
from newsletter.subscribers.files.csv_cells import escape
from newsletter.subscribers.files.csv_head import LONGEST_HEAD, REASON, CsvHead, visible

_REASON_LAST = re.compile(rb"[^\n]+[,;\t|]reason\n")


class RowResult(StrEnum):
    """The outcome of a row that is in the result file."""

    REFUSED = "refused"
    """The row is wrong."""
    SUPPRESSED = "suppressed"
    """Its reader must not be mailed."""
    NOTED = "noted"
    """It was taken, but not all of it is known here, or as it should be."""


class ResultRow(NamedTuple):
    """A row of the imported file, by its number there, and what became of it."""

    row: int
    result: RowResult
    reason: str
    cells: Sequence[str] = ()


class ResultFileError(NewsletterError):
    """The result file cannot be used; the message says why."""


class ResultColumns:
    """The columns of the result of a file with this head: the same, and `reason` unless it is there already."""

    def __init__(self, head: CsvHead) -> None:
        self._separator = head.separator
        names = [visible(name).lower() for name in head.names]
        self._width = len(names)
        self._reason = names.index(REASON) if REASON in names else self._width
        self.first_line = self._line([*head.names[: self._reason], REASON, *head.names[self._reason + 1 :]])

    def line(self, row: ResultRow) -> bytes:
        """The line of a row; cells beyond the last column follow its end."""
        cells = [*row.cells, *[""] * (self._width - len(row.cells))]
        after = self._reason + (self._reason < self._width)
        reason = f"{row.result} (row {row.row}): {row.reason}"
        return self._line([*map(escape, cells[: self._reason]), reason, *map(escape, cells[after:])])

    def _line(self, cells: Sequence[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._separator, lineterminator="\n").writerow(cells)
        return text.getvalue().encode(errors="replace")


class ResultFile:
    """The open file. `size` is in bytes."""

    def __init__(self, descriptor: int, path: Path, columns: ResultColumns) -> None:
        self._descriptor = descriptor
        self._columns = columns
        self.path = path
        self.size = os.fstat(descriptor).st_size

    def cut(self, size: int) -> None:
        """Cut all but the first `size` bytes off; 0 begins anew."""
        with _explained(self.path):
            os.ftruncate(self._descriptor, size)
            os.lseek(self._descriptor, size, os.SEEK_SET)
            self.size = size
            if size == 0:
                self._write(self._columns.first_line)

    def holds(self, size: int) -> bool:
        """Whether an earlier run can have left this number of bytes here."""
        return len(self._columns.first_line) <= size <= self.size

    def add(self, rows: Iterable[ResultRow]) -> None:
        """Append rows. Other processes see them at once, whatever becomes of this one."""
        with _explained(self.path):
            self._write(b"".join(map(self._columns.line, rows)))

    def _write(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            data = data[written:]
            self.size += written


@contextmanager
def opened(path: Path, head: CsvHead) -> Iterator[ResultFile]:
    """The result file at `path` of a file with this head, made if it is not there.

    It is locked: one import at a time writes to it. Raises ConflictError when another does, and ResultFileError when it
    cannot be written or is a file of another kind, which stays as it is.
    """
    columns = ResultColumns(head)
    with _explained(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _explained(path):
            if not _is_result_file(descriptor, columns.first_line):
                raise _no_result_file(path)
            _lock(descriptor, path)
            os.fchmod(descriptor, 0o600)
        yield ResultFile(descriptor, path, columns)
    finally:
        os.close(descriptor)


def require_place(path: Path, imported: Path, data_dir: Path) -> None:
    """Raise ResultFileError for a result in place of the imported file, or under DATA_DIR."""
    if path.exists() and path.samefile(imported):
        raise _no_result_file(path)
    if path.resolve().is_relative_to(data_dir.resolve()):
        raise ResultFileError(
            "import.result_in_data_dir", "The result file holds addresses and must not lie under DATA_DIR."
        )


def _no_result_file(path: Path) -> ResultFileError:
    return ResultFileError("import.no_result_file", "%(path)s is there and is no result of an import.", path=path)


def _is_result_file(descriptor: int, first_line: bytes) -> bool:
    """Whether it is an ordinary file that is empty, or whose columns are those of some import's result."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    beginning = os.read(descriptor, max(len(first_line), LONGEST_HEAD))
    return first_line.startswith(beginning) or _REASON_LAST.match(beginning) is not None


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(
            "import.result_in_use", "Another import is running and writes to %(path)s.", path=path
        ) from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultFileError(
            "import.result_not_writable",
            "The result file %(path)s cannot be written: %(reason)s.",
            path=path,
            reason=error.strerror,
        ) from error
