"""The lines of a file of any size, whichever characters end them, with their positions in bytes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

from newsletter.core.errors import InvalidError

LONGEST = 1 << 20
"""Bytes of a line at most."""
_BLOCK = 1 << 18
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_OTHERS = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""Beginnings of UTF-32 and of Excel's own files."""

OTHER_ENCODING = "This is no CSV file in UTF-8, or UTF-16 with its mark: save it in the spreadsheet as “CSV UTF-8”."


def other_encoding() -> InvalidError:
    """The error for a file that cannot be decoded."""
    return InvalidError("import.encoding", OTHER_ENCODING)


class LineTooLongError(csv.Error):
    """A line has more than `LONGEST` bytes; the one after it can be read."""


class CsvLines(Iterator[str]):
    """Lines with their ends. Bytes that are no UTF-8 spoil their line, not the file; a byte order mark is left out.

    UTF-16 is known by its mark. `position` is where the next line begins, in bytes; the first one begins at `start`.
    Raises InvalidError for a file that begins as no text does.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        beginning = file.read(4)
        if beginning in _OTHERS:
            raise other_encoding()
        self._utf16 = _UTF16.get(beginning[:2])
        self._width = 2 if self._utf16 else 1
        self.start = 2 if self._utf16 else 0
        self.seek(self.start)

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
        return line.decode(self._utf16 or ("utf-8-sig" if first else "utf-8"), "replace")

    def _fill(self) -> None:
        block = self._file.read(_BLOCK * self._width)
        if not block and not self._rest:
            raise StopIteration
        lines = self._split(self._rest + block)
        # The last may go on in the next block, if only by the \n of a \r\n.
        self._rest = lines.pop() if block else b""
        self._lines = lines[::-1]
        if not lines and len(self._rest) > LONGEST:
            self._dropped += len(self._rest) - self._width  # the last character may be the line's end
            self._rest = self._rest[-self._width :]

    def _split(self, data: bytes) -> list[bytes]:
        if self._utf16 is None:
            return data.splitlines(keepends=True)
        if len(data) % 2:
            data += b"\0"  # half a character at the end of a file that was cut off
        text = data.decode(self._utf16, "surrogatepass")  # a block may end between the halves of a pair
        return [line.encode(self._utf16, "surrogatepass") for line in _LINE.findall(text)]
