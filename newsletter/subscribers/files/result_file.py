"""Where an import says which rows it did not take, and why: a CSV file that its owner alone may read."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from newsletter.core.errors import ConflictError, NewsletterError
from newsletter.subscribers.files.csv_cells import escape

HEAD = b"row,result,reason\n"


class RejectedRow(NamedTuple):
    """A row by its number in the file; `result` is "refused" (a wrong row) or "suppressed" (nobody to be mailed)."""

    row: int
    result: str
    reason: str


class ResultFileError(NewsletterError):
    """The result file cannot be used; the message says why."""


class ResultFile:
    """Rows that were not taken, as many as have been written. `size`: bytes."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path
        self.size = os.fstat(descriptor).st_size

    def cut(self, size: int) -> None:
        """Forget what stands behind the first `size` bytes; 0 begins anew."""
        with _telling(self.path):
            os.ftruncate(self._descriptor, size)
            os.lseek(self._descriptor, size, os.SEEK_SET)
            self.size = size
            if size == 0:
                self._write(HEAD)

    def add(self, rows: Iterable[RejectedRow]) -> None:
        """Append rows. What is written is there for other processes at once, whatever becomes of this one."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((row, escape(result), escape(why)) for row, result, why in rows)
        with _telling(self.path):
            self._write(text.getvalue().encode())

    def _write(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            data = data[written:]
            self.size += written


@contextmanager
def opened(path: Path) -> Iterator[ResultFile]:
    """The result file at `path`, made if it is not there, and held: one import at a time writes to it.

    Raises ConflictError when another does, and ResultFileError when it cannot be written or is a file of another kind,
    which is left as it is.
    """
    with _telling(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _telling(path):
            if (
                not stat.S_ISREG(os.fstat(descriptor).st_mode)
                or HEAD[: len(found := os.read(descriptor, len(HEAD)))] != found
            ):
                raise ResultFileError(f"{path} is there and is no result of an import: --result says where to write.")
            _hold(descriptor, path)
            os.fchmod(descriptor, 0o600)
        yield ResultFile(descriptor, path)
    finally:
        os.close(descriptor)


def _hold(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(f"Another import is running and writes to {path}.") from error


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultFileError(
            f"The result file {path} cannot be written: {error.strerror}. --result names another place."
        ) from error
