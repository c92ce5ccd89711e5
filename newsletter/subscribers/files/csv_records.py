"""The records of a CSV file, read strictly: a stray quotation mark costs its own line, never the ones below it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from newsletter.subscribers.files.csv_lines import CsvLines, LineTooLongError

TOO_LONG = "This row is longer than any reader's."
STRAY_QUOTE = "Quoted text does not end where it should: a quotation mark may be missing, or be one too many."
ADDRESS_INSIDE = "A cell with line breaks holds an address: a quotation mark may be missing before it."
ROWS_INSIDE = (
    "A cell with line breaks holds what look like rows: end its quotation where it should end, or take them out."
)

_ADDRESS = re.compile(r"[^\s@,;|\"<>]+@[^\s@,;|\"<>]+\.[^\s@,;|\"<>]+")


class CsvRecord(NamedTuple):
    """A record, and the position in bytes of the one after it."""

    cells: list[str]
    position: int
    fault: str = ""
    """A sentence that says why it cannot be read; the cells are what could be made of its first line."""
    warning: str = ""


class CsvRecords(Iterator[CsvRecord]):
    """The records from the position of `lines` on.

    Where the quoted text of a record never ends, goes on after its end, or holds nothing but rows (of `width` cells,
    with an address at `address_index`), the first line alone is the record, with a fault, and the next line is read
    anew. So the records after any position are the same, wherever reading began. Where rows stand among other lines it
    may be a note that quotes somebody who never agreed: then the whole is one record, with a fault.
    """

    def __init__(self, lines: CsvLines, delimiter: str, width: int, address_index: int) -> None:
        self._lines = _Lines(lines)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self._delimiter, self._width, self._address_index = delimiter, width, address_index

    def __next__(self) -> CsvRecord:
        taken = self._lines.taken
        taken.clear()
        try:
            cells = next(self._reader)
        except LineTooLongError:
            if len(taken) == 1:
                return CsvRecord([], taken[0].position, TOO_LONG)
            return self._first_line()
        except csv.Error:
            return self._first_line()
        if len(taken) == 1:
            return CsvRecord(cells, taken[0].position)
        inside = {self._is_row(line.text) for line in taken[1:] if line.text.strip()}
        if inside == {True}:
            return self._first_line()
        if True in inside:
            return CsvRecord(cells, taken[-1].position, ROWS_INSIDE)
        holds_address = any("@" in cell and len(cell.splitlines()) > 1 and _ADDRESS.search(cell) for cell in cells)
        return CsvRecord(cells, taken[-1].position, warning=ADDRESS_INSIDE if holds_address else "")

    def _first_line(self) -> CsvRecord:
        first = self._lines.put_back()
        return CsvRecord(self._loosely(first.text), first.position, STRAY_QUOTE)

    def _is_row(self, text: str) -> bool:
        cells = self._loosely(text)
        return len(cells) == self._width and _ADDRESS.fullmatch(cells[self._address_index].strip()) is not None

    def _loosely(self, text: str) -> list[str]:
        """The cells of a line by itself."""
        try:
            return [cell.rstrip("\r\n") for cell in next(csv.reader([text], delimiter=self._delimiter), [])]
        except csv.Error:
            return []


class _Line(NamedTuple):
    text: str
    position: int
    is_too_long: bool = False


class _Lines(Iterator[str]):
    """Lines that can be read again; `taken` are those that the present record took."""

    def __init__(self, lines: CsvLines) -> None:
        self._source = lines
        self._again: deque[_Line] = deque()
        self.taken: list[_Line] = []

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._next()
        self.taken.append(line)
        if line.is_too_long:
            raise LineTooLongError
        return line.text

    def put_back(self) -> _Line:
        """All that was taken but the first line, which is returned."""
        first, *rest = self.taken
        self._again.extendleft(reversed(rest))
        return first

    def _next(self) -> _Line:
        try:
            text = next(self._source)
        except LineTooLongError:
            return _Line("", self._source.position, is_too_long=True)
        return _Line(text, self._source.position)
