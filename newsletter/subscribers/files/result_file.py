"""The result file of an import: which rows were not taken as they are, and why. Only its owner may read it."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from newsletter.core.errors import ConflictError, NewsletterError
from newsletter.subscribers.files.csv_cells import escape

HEAD = b"row,result,reason\n"


class RowResult(StrEnum):
    """The outcome of a row that is in the result file."""

    REFUSED = "refused"
    """The row is wrong."""
    SUPPRESSED = "suppressed"
    """Its reader must not be mailed."""
    NOTED = "noted"
    """It was imported without a preference that is not known here."""


class ResultRow(NamedTuple):
    """A row of the imported file, by its number there, and what became of it."""

    row: int
    result: RowResult
    reason: str


class ResultFileError(NewsletterError):
    """The result file cannot be used; the message says why."""


class ResultFile:
    """The open file. `size` is in bytes."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path
        self.size = os.fstat(descriptor).st_size

    def cut(self, size: int) -> None:
        """Cut all but the first `size` bytes off; 0 begins anew."""
        with _explained(self.path):
            os.ftruncate(self._descriptor, size)
            os.lseek(self._descriptor, size, os.SEEK_SET)
            self.size = size
            if size == 0:
                self._write(HEAD)

    def add(self, rows: Iterable[ResultRow]) -> None:
        """Append rows. Other processes see them at once, whatever becomes of this one."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            (row, escape(result), escape(reason)) for row, result, reason in rows
        )
        with _explained(self.path):
            self._write(text.getvalue().encode())

    def _write(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            data = data[written:]
            self.size += written


@contextmanager
def opened(path: Path) -> Iterator[ResultFile]:
    """The result file at `path`, made if it is not there, and locked: one import at a time writes to it.

    Raises ConflictError when another does. Raises ResultFileError when it cannot be written, or is a file of another
    kind, which stays as it is.
    """
    with _explained(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _explained(path):
            if not _is_result_file(descriptor):
                raise ResultFileError(
                    "import.no_result_file", "%(path)s is there and is no result of an import.", path=path
                )
            _lock(descriptor, path)
            os.fchmod(descriptor, 0o600)
        yield ResultFile(descriptor, path)
    finally:
        os.close(descriptor)


def _is_result_file(descriptor: int) -> bool:
    """Whether it is an ordinary file that is empty or begins as a result does."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    return HEAD.startswith(os.read(descriptor, len(HEAD)))


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
