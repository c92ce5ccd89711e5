"""The lines of a file of any size, whichever characters end them, with their positions in bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

LONGEST = 1 << 20
"""Bytes of a line at most."""
_BLOCK = 1 << 18


class LineTooLongError(csv.Error):
    """A line has more than `LONGEST` bytes; the one after it can be read."""


class CsvLines(Iterator[str]):
    """Lines with their ends. Bytes that are no UTF-8 spoil their line, not the file; a byte order mark is left out.

    `position` is where the next line begins, in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek(0)

    def seek(self, position: int) -> None:
        """Continue at `position`, the beginning of a line."""
        self._file.seek(position)
        self.position = position
        self._lines: list[bytes] = []  # read, the next one last
        self._rest = b""  # of the block: a line whose end has not been seen
        self._dropped = 0  # bytes of that line which are not kept

    def __next__(self) -> str:
        while not self._lines:
            self._fill()
        line = self._lines.pop()
        length = len(line) + self._dropped
        first = self.position == 0
        self.position += length
        self._dropped = 0
        if length > LONGEST:
            raise LineTooLongError
        return line.decode("utf-8-sig" if first else "utf-8", "replace")

    def _fill(self) -> None:
        block = self._file.read(_BLOCK)
        if not block and not self._rest:
            raise StopIteration
        lines = (self._rest + block).splitlines(keepends=True)
        # The last may go on in the next block, if only by the \n of a \r\n.
        self._rest = lines.pop() if block else b""
        self._lines = lines[::-1]
        if not lines and len(self._rest) > LONGEST:
            self._dropped += len(self._rest) - 1  # the last may be the line's end
            self._rest = self._rest[-1:]
