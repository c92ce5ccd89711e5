"""A CSV file of readers, as spreadsheets and other newsletter services write them.

UTF-8 with or without a byte order mark; separated by commas, semicolons or tabs; quoted fields may hold line breaks.
The first row names the columns: `email` (or `address`) must be there; `cadence`, `sections` (separated by semicolons),
`min_trust` and `confirmed_at` (ISO 8601; UTC where it names no zone) may be; others are passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TextIO

from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.importing import Reader

ADDRESS_COLUMNS = ("email", "address")
COLUMNS = (*ADDRESS_COLUMNS, "cadence", "sections", "min_trust", "confirmed_at")
LONGEST_LINE = 64_000
"""Characters of the first line at most: what has none so long is no CSV file."""


def open_text(path: Path) -> TextIO:
    """The file as text: bytes that are no UTF-8 spoil the row that they stand in, not the file."""
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def read(text: TextIO, cadence: str) -> Iterator[tuple[int, Reader | str]]:
    """Each row with its number (the header is 1, as spreadsheets count) and its reader, or why it is refused.

    `cadence` is for rows that name none. Raises InvalidError when the file cannot be used at all.
    """
    first = text.readline(LONGEST_LINE)
    rows = csv.reader(chain([first], text), delimiter=max(",;\t", key=first.count))
    columns = _columns(rows)
    number = 1
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error:
            yield number, "A quoted field is longer than any address or choice: a quotation mark may be missing."
            continue
        if row is None:
            return
        if any(field.strip() for field in row):
            yield number, _reader(dict(zip(columns, row, strict=False)), cadence)


def _columns(rows: Iterator[list[str]]) -> list[str]:
    """The names of the columns, "" for those that are passed over."""
    try:
        names = [name.strip().lower() for name in next(rows, [])]
    except csv.Error:
        names = []
    columns = [name if name in COLUMNS else "" for name in names]
    present = [name for name in columns if name]
    if not set(ADDRESS_COLUMNS) & set(present):
        raise InvalidError("The first row must name the columns, and one of them must be email.")
    if len(set(present)) < len(present) or set(ADDRESS_COLUMNS) <= set(present):
        raise InvalidError("The first row names a column twice.")
    return columns


def _reader(row: dict[str, str], cadence: str) -> Reader | str:
    value = {name: text.strip() for name, text in row.items()}
    names = value.get("sections", "")
    try:
        choices = Choices(
            cadence=value.get("cadence", "").lower() or cadence,
            sections=tuple(names.split(";")) if names else None,
            min_trust=_trust(value.get("min_trust", "")),
        )
        address = value.get("email", "") or value.get("address", "")
        return Reader(address, choices, _time(value.get("confirmed_at", "")))
    except InvalidError as error:
        return str(error)


def _trust(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise InvalidError("The lowest trust score is a number from 0 to 100.")
    return int(text)


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
