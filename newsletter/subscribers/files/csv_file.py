"""A CSV file of readers, as spreadsheets, other newsletter services and our own export write it.

UTF-8 with or without a byte order mark; separated by commas, semicolons or tabs; quoted fields may hold line breaks.
The first row names the columns. `email` must be there (or `address`, or the names that Mailchimp and Buttondown use).
The names of `Preferences`, `confirmed_at` (ISO 8601, UTC unless it names a zone) and `status` (Ghost:
`subscribed_to_emails`) may be there; other columns are ignored. Sections are separated by semicolons.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells
from newsletter.subscribers.files.csv_lines import CsvLines, LineTooLongError
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import KnownNames, Preferences

ADDRESS_COLUMNS = ("email", "address", "e-mail", "email address", "email_address")
STATUS_COLUMNS = ("status", "subscribed_to_emails")
COLUMNS = (*ADDRESS_COLUMNS, *STATUS_COLUMNS, *preferences.PREFERENCE_COLUMNS, "confirmed_at")
LONGEST_HEAD = 64_000
"""Characters of the first line at most; a file with a longer one is no CSV file."""
ACTIVE = frozenset({"", "active", "confirmed", "enabled", "subscribed", "true"})
"""The words of the status columns for readers who come in, here and at other services."""

NO_HEAD = "This must be a CSV file in UTF-8 whose first row names the columns, one of them email."
NOTES = {
    "preferences.unknown_section": ("sections", "A section is not known here and was left out."),
    "preferences.unknown_hype": ("max_hype", "The hype label is not known here and was left out."),
    "preferences.format": ("format", "The format of mails is not known here and was left out."),
    "preferences.language": ("language", "The language is not known here and was left out."),
}
"""Errors, by their code, that cost a row the preference and not its place: the column, and the note about it."""


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


def read_rows(file: BinaryIO, cadence: str, known: KnownNames, after: FilePosition | None = None) -> Iterator[CsvRow]:
    """The rows of a file, or those after a position in it, without empty ones.

    `cadence` is for rows that name none. Raises InvalidError when the file cannot be used at all.
    """
    lines = CsvLines(file)
    rows, columns = _read_head(lines, cadence, known)
    number = 1
    if after is not None:
        number = after.row
        lines.seek(after.position)
    while True:
        number += 1
        try:
            row = next(rows, None)
        except LineTooLongError:
            yield CsvRow(FilePosition(number, lines.position), None, ROW_TOO_LONG)
            continue
        except csv.Error:
            yield CsvRow(FilePosition(number, lines.position), None, FIELD_TOO_LONG)
            continue
        if row is None:
            return
        if "".join(row).strip():
            yield columns.read(row, FilePosition(number, lines.position))


ROW_TOO_LONG = "This row is longer than any reader's."
FIELD_TOO_LONG = "A quoted field is longer than any address or preference: a quotation mark may be missing."


def _read_head(lines: CsvLines, cadence: str, known: KnownNames) -> tuple[Iterator[list[str]], _Columns]:
    """The rows below the first one, and the columns that it names."""
    names: list[str] = []
    try:
        first = next(lines, "")
        rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
        if len(first) <= LONGEST_HEAD:
            names = next(rows, [])
        return rows, _Columns([name.strip().lower() for name in names], cadence, known)
    except csv.Error as error:
        raise InvalidError("import.no_columns", NO_HEAD) from error


class _Columns:
    """The columns of a file. Raises InvalidError unless one holds addresses."""

    def __init__(self, names: list[str], cadence: str, known: KnownNames) -> None:
        place = {name: index for index, name in enumerate(names) if name in COLUMNS}
        addresses = [place[name] for name in ADDRESS_COLUMNS if name in place]
        if not addresses:
            raise InvalidError("import.no_columns", NO_HEAD)
        if len(addresses) > 1 or sum(name in COLUMNS for name in names) > len(place):
            raise InvalidError("import.column_twice", "The first row names a column twice.")
        self._width = len(names)
        self._address = addresses[0]
        self._statuses = [place[name] for name in STATUS_COLUMNS if name in place]
        self._time = place.get("confirmed_at")
        self._names = [name for name in preferences.PREFERENCE_COLUMNS if name in place]
        self._places = [place[name] for name in self._names]
        self._default = {"cadence": cadence}
        self._known = known
        self._preferences = lru_cache(10_000)(self._read_preferences)

    def read(self, row: list[str], end: FilePosition) -> CsvRow:
        if len(row) < self._width:
            row += [""] * (self._width - len(row))
        if self._statuses and any(row[index].strip().lower() not in ACTIVE for index in self._statuses):
            return CsvRow(end, None, "Only active readers come in, and the status of this one is another.")
        chosen, refusal, notes = self._preferences(tuple([row[index] for index in self._places]))
        if chosen is None:
            return CsvRow(end, None, refusal)
        try:
            address = csv_cells.unescape(row[self._address].strip())
            confirmed_at = None if self._time is None else _time(row[self._time].strip())
            return CsvRow(end, ImportedReader(address, chosen, confirmed_at), notes=notes)
        except InvalidError as error:
            return CsvRow(end, None, str(error))

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
