"""A CSV file of readers, as spreadsheets and other newsletter services write them, and as we export them.

UTF-8 with or without a byte order mark; separated by commas, semicolons or tabs; quoted fields may hold line breaks.
The first row names the columns: `email` must be there (or `address`, or what Mailchimp and Buttondown call it); the
names of `Choices`, `confirmed_at` (ISO 8601, UTC unless it names a zone) and `status` (Ghost: `subscribed_to_emails`)
may be; others are passed over. Sections are separated by semicolons.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import BinaryIO, NamedTuple

from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells
from newsletter.subscribers.files.csv_lines import CsvLines, LineTooLongError
from newsletter.subscribers.files.importing import ImportedReader
from newsletter.subscribers.preferences import Preferences

ADDRESS_COLUMNS = ("email", "address", "e-mail", "email address", "email_address")
STATUS_COLUMNS = ("status", "subscribed_to_emails")
COLUMNS = (*ADDRESS_COLUMNS, *STATUS_COLUMNS, *preferences.PREFERENCE_COLUMNS, "confirmed_at")
LONGEST_HEAD = 64_000
"""Characters of the first line at most: what has none so long is no CSV file."""
ACTIVE = frozenset({"", "active", "confirmed", "enabled", "subscribed", "true"})
"""What such a column may say of a reader who comes in, here and elsewhere."""


class FilePosition(NamedTuple):
    """A row's end: its number (the header is 1, as spreadsheets count) and how many bytes of the file lie before it."""

    row: int
    position: int


class CsvRow(NamedTuple):
    """A row: where it ends, and its reader, or why it is refused."""

    end: FilePosition
    found: ImportedReader | str


def read_rows(file: BinaryIO, cadence: str, after: FilePosition | None = None) -> Iterator[CsvRow]:
    """The rows of a file, or those after a place in it; empty ones are passed over.

    `cadence` is for rows that name none. Raises InvalidError when the file cannot be used at all.
    """
    lines = CsvLines(file)
    rows, columns = _head(lines, cadence)
    number = 1
    if after is not None:
        number = after.row
        lines.seek(after.position)
    while True:
        number += 1
        try:
            row = next(rows, None)
        except LineTooLongError:
            yield CsvRow(FilePosition(number, lines.position), "This row is longer than any reader's.")
            continue
        except csv.Error:
            yield CsvRow(
                FilePosition(number, lines.position),
                "A quoted field is longer than any address or choice: a quotation mark may be missing.",
            )
            continue
        if row is None:
            return
        if "".join(row).strip():
            yield CsvRow(FilePosition(number, lines.position), columns.reader(row))


def _head(lines: CsvLines, cadence: str) -> tuple[Iterator[list[str]], _Columns]:
    """The rows below the first one, and what that one says about them."""
    names: list[str] = []
    try:
        first = next(lines, "")
        rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
        if len(first) <= LONGEST_HEAD:
            names = next(rows, [])
        return rows, _Columns([name.strip().lower() for name in names], cadence)
    except csv.Error as error:
        raise InvalidError(NO_HEAD) from error


NO_HEAD = "This must be a CSV file in UTF-8 whose first row names the columns, one of them email."


class _Columns:
    """The columns of a file. Raises InvalidError unless they are of use."""

    def __init__(self, names: list[str], cadence: str) -> None:
        place = {name: index for index, name in enumerate(names) if name in COLUMNS}
        addresses = [place[name] for name in ADDRESS_COLUMNS if name in place]
        if not addresses:
            raise InvalidError(NO_HEAD)
        if len(addresses) > 1 or sum(name in COLUMNS for name in names) > len(place):
            raise InvalidError("The first row names a column twice.")
        self._width = len(names)
        self._address = addresses[0]
        self._statuses = [place[name] for name in STATUS_COLUMNS if name in place]
        self._time = place.get("confirmed_at")
        self._names = [name for name in preferences.PREFERENCE_COLUMNS if name in place]
        self._places = [place[name] for name in self._names]
        self._default = {"cadence": cadence}
        self._choices = lru_cache(10_000)(self._read_choices)

    def reader(self, row: list[str]) -> ImportedReader | str:
        if len(row) < self._width:
            row += [""] * (self._width - len(row))
        if self._statuses and any(row[index].strip().lower() not in ACTIVE for index in self._statuses):
            return "Only active readers come in, and the status of this one is another."
        chosen = self._choices(tuple([row[index] for index in self._places]))
        if isinstance(chosen, str):
            return chosen
        try:
            address = csv_cells.unescape(row[self._address].strip())
            return ImportedReader(address, chosen, None if self._time is None else _time(row[self._time].strip()))
        except InvalidError as error:
            return str(error)

    def _read_choices(self, cells: tuple[str, ...]) -> Preferences | str:
        """The preferences, or why they cannot be taken. A million readers make the same few thousand."""
        try:
            given = {
                name: csv_cells.read_cell(name, cell.strip())
                for name, cell in zip(self._names, cells, strict=True)
                if cell.strip()
            }
            return Preferences(**{**self._default, **given})
        except InvalidError as error:
            return str(error)


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError("The time of the confirmation must look like 2026-05-02 or 2026-05-02T09:30:00Z.") from error
    if moment > clock.now():
        raise InvalidError("The time of the confirmation lies in the future.")
    return moment
