"""A CSV file of readers, as spreadsheets, other newsletter services and our own export write it.

UTF-8, or UTF-16 with its mark; separated by commas, semicolons, tabs or bars; quoted fields may hold line breaks. The
first row names the columns. One must hold the addresses; the names of `Preferences`, `confirmed_at` (ISO 8601, UTC
unless it names a zone) and the columns of `known_columns` may be there; others are ignored, and named. Sections are
separated by semicolons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.core.name_rules import REPLACEMENT
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells
from newsletter.subscribers.files.csv_head import CsvHead, read_head, visible
from newsletter.subscribers.files.csv_lines import CsvLines
from newsletter.subscribers.files.csv_records import CsvRecord, CsvRecords
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.files.known_columns import STRENGTH, Standing
from newsletter.subscribers.preferences import KnownNames, Preferences

NOTES = {
    "preferences.unknown_section": ("sections", "A section is not known here and was left out."),
    "preferences.unknown_hype": ("max_hype", "The hype label is not known here and was left out."),
    "preferences.format": ("format", "The format of mails is not known here and was left out."),
    "preferences.language": ("language", "The language is not known here and was left out."),
}
"""Errors, by their code, that cost a row the preference and not its place: the column, and the note about it."""

NOT_ACTIVE = {
    Standing.UNKNOWN: "Only active readers come in, and a word for the status of this one is not known.",
    Standing.UNCONFIRMED: "Only active readers come in, and this one has not confirmed.",
    Standing.UNSUBSCRIBED: "Only active readers come in, and this one has unsubscribed elsewhere.",
    Standing.BOUNCED: "Only active readers come in, and mail to this one bounced elsewhere.",
    Standing.COMPLAINED: "Only active readers come in, and this one has complained elsewhere.",
}
"""Why a row is refused, by the standing that it states."""

NOT_UTF8 = "This row is in another encoding than UTF-8: save the file as “CSV UTF-8” in the spreadsheet."
TOO_WIDE = "This row has more cells than the first row names: a cell with a separator in it may lack quotation marks."


class FilePosition(NamedTuple):
    """A row's end: its number (the header is 1, as spreadsheets count) and how many bytes of the file lie before it."""

    row: int
    position: int


class CsvRow(NamedTuple):
    """A row: where it ends, and its reader, or the reason to refuse it."""

    end: FilePosition
    reader: ImportedReader | None
    refusal: str = ""
    notes: tuple[str, ...] = ()
    """Sentences on preferences that were left out."""
    standing: Standing = Standing.ACTIVE
    address: str = ""
    """The address of a reader who is not active in the file."""
    cells: Sequence[str] = ()
    """As the file has them."""
    warning: str = ""
    """A sentence on how the row was read."""


class CsvFile:
    """A file and how it is read; `cadence` is for rows that name none, `ignore` names columns to pass over.

    Raises InvalidError when the file cannot be used at all.
    """

    def __init__(self, file: BinaryIO, cadence: str, known: KnownNames, ignore: Collection[str] = ()) -> None:
        self.file = file
        self.options = f"{cadence} {sorted(ignore)}"
        """Where these differ, the same bytes are another import."""
        self._lines = CsvLines(file)
        self.head = read_head(self._lines, ignore)
        self._begin = FilePosition(self.head.row, self._lines.position)
        self._columns = _Columns(self.head, cadence, known)

    def rows(self, after: FilePosition | None = None) -> Iterator[CsvRow]:
        """The rows, or those after a position, without empty ones."""
        number, position = after or self._begin
        self._lines.seek(position)
        head = self.head
        for record in CsvRecords(self._lines, head.separator, len(head.names), head.address):
            number += 1
            if record.fault or "".join(record.cells).strip():
                yield self._columns.read(record, FilePosition(number, record.position))


def read_rows(file: BinaryIO, cadence: str, known: KnownNames, after: FilePosition | None = None) -> Iterator[CsvRow]:
    """The rows of a file, or those after a position in it. Raises InvalidError as `CsvFile` does."""
    yield from CsvFile(file, cadence, known).rows(after)


class _Columns:
    """The cells of the columns that are understood."""

    def __init__(self, head: CsvHead, cadence: str, known: KnownNames) -> None:
        self._width, self._address, self._standings = len(head.names), head.address, head.standings
        self._time = head.own.get("confirmed_at")
        self._names = [name for name in preferences.PREFERENCE_COLUMNS if name in head.own]
        self._places = [head.own[name] for name in self._names]
        self._default = {"cadence": cadence}
        self._known = known
        self._preferences = lru_cache(10_000)(self._read_preferences)

    def read(self, record: CsvRecord, end: FilePosition) -> CsvRow:
        cells = record.cells
        if record.fault:
            return CsvRow(end, None, record.fault, cells=cells)
        row = cells if len(cells) >= self._width else cells + [""] * (self._width - len(cells))
        standing = self._standing(row) if self._standings else Standing.ACTIVE
        if standing is not Standing.ACTIVE:
            return CsvRow(end, None, NOT_ACTIVE[standing], standing=standing, address=self._email(row), cells=cells)
        if len(row) > self._width and any(map(str.strip, row[self._width :])):
            return CsvRow(end, None, TOO_WIDE, cells=cells)
        chosen, refusal, notes = self._preferences(tuple([row[index] for index in self._places]))
        if chosen is None:
            return CsvRow(end, None, self._why(refusal, row), cells=cells)
        try:
            confirmed_at = None if self._time is None else _time(row[self._time].strip())
            reader = ImportedReader(self._email(row), chosen, confirmed_at)
        except InvalidError as error:
            return CsvRow(end, None, self._why(str(error), row), cells=cells)
        return CsvRow(end, reader, notes=notes, cells=cells, warning=record.warning)

    def _email(self, row: list[str]) -> str:
        return csv_cells.unescape(visible(row[self._address]))

    def _standing(self, row: list[str]) -> Standing:
        """The strongest standing that the cells of a row state."""
        stated = [column.standing(csv_cells.unescape(visible(row[index]))) for index, column in self._standings]
        return max(stated, key=STRENGTH.__getitem__)

    def _why(self, refusal: str, row: list[str]) -> str:
        """The reason, which is the encoding where a cell that counts could not be decoded."""
        return NOT_UTF8 if any(REPLACEMENT in row[index] for index in (self._address, *self._places)) else refusal

    def _read_preferences(self, cells: tuple[str, ...]) -> tuple[Preferences | None, str, tuple[str, ...]]:
        """The preferences, or the reason to refuse the row; and notes on preferences that were left out.

        The result is cached: a million readers have the same few thousand.
        """
        try:
            values: dict[str, Any] = {
                name: csv_cells.read_cell(name, cell.strip())
                for name, cell in zip(self._names, cells, strict=True)
                if cell.strip()
            }
        except InvalidError as error:
            return None, str(error), ()
        notes: list[str] = []
        while True:
            try:
                chosen = Preferences(**{**self._default, **values})
                self._known.check(chosen)
            except InvalidError as error:
                if error.code not in NOTES:
                    return None, str(error), ()
                column, note = NOTES[error.code]
                notes.append(note)
                value = values.pop(column)
                if column == "sections" and (sections := tuple(filter(self._known.has_section, value))):
                    values["sections"] = sections
            else:
                return chosen, "", tuple(notes)


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError(
            "import.no_time", "The time of the confirmation must look like 2026-05-02 or 2026-05-02T09:30:00Z."
        ) from error
    if moment > clock.now():
        raise InvalidError("import.future_time", "The time of the confirmation lies in the future.")
    return moment
