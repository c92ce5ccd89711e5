"""Subscribers as a CSV file, which `subscribers.files.csv_file` reads back.

A million readers cost what the driver needs to read them and `csv` to write them, and two thirds of that again: the
columns come as the driver has them, and no object is made of a row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

from sqlalchemy import ColumnElement, Select, Text, cast, select, type_coerce
from sqlalchemy.types import NullType

from newsletter.core.db import Database, table_of
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells
from newsletter.subscribers.models import Subscriber, SubscriberStatus

_TABLE = table_of(Subscriber)
COLUMNS = ("email", "status", *preferences.PREFERENCE_COLUMNS, "confirmed_at")
PAGE = 5000
"""Subscribers at a time: no transaction stays open while they are written."""
_CACHED = 16_384
"""Different cells of a column that are kept: a million readers share a few thousand."""


class CsvWriter:
    """Writes the lines of the file; the head comes first."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, lines: Sequence[tuple[Any, ...]]) -> None:
        self._writer.writerows(lines)


def exported_lines(db: Database, statuses: Collection[SubscriberStatus]) -> Iterator[list[tuple[Any, ...]]]:
    """The lines of all subscribers that have one of `statuses`, in the order of their ids, PAGE of them at most at a
    time."""
    last_id, wanted = 0, frozenset(status.value for status in statuses)
    while True:
        with db.reading() as session:
            rows = (
                session.connection().execute(page_query(last_id)).cursor.fetchall()
            )  # SQLAlchemy's take twice as long
        if not rows:
            return
        last_id = rows[-1][0]
        yield _lines(rows, wanted)


def _lines(rows: Sequence[tuple[Any, ...]], wanted: Collection[str]) -> list[tuple[Any, ...]]:
    lines: list[tuple[Any, ...]] = []
    for (
        _,
        address,
        status,
        cadence,
        sections,
        min_trust,
        max_hype,
        breaking,
        hour,
        zone,
        format_,
        language,
        confirmed_at,
    ) in rows:
        if status not in wanted:
            continue
        line = (  # made here: the call of a function would be a tenth of the export
            address if address[0].isalnum() else csv_cells.escape(address),
            status,
            cadence,
            _names(sections),
            min_trust,
            max_hype and _text(max_hype),
            "yes" if breaking else "no",
            hour,
            zone and _text(zone),
            format_,
            _text(language),
            _moment(confirmed_at),
        )
        lines.append(line)
    return lines


def page_query(after_id: int) -> Select[Any]:
    """The rows of a page, found by their ids alone.

    With a condition on the status, SQLite would take the index of the audience and sort what it finds there, for each
    page anew; and so would PostgreSQL while it has no statistics of the table, as after a large import.
    """
    query = select(_TABLE.c.id, *(_as_stored(name) for name in ("address", *COLUMNS[1:])))
    return query.where(_TABLE.c.id > after_id).order_by(_TABLE.c.id).limit(PAGE)


def _as_stored(name: str) -> ColumnElement[Any]:
    """The column as the driver has it: types that convert cost three times what reading does (measured)."""
    column = _TABLE.c[name]
    return cast(column, Text) if name == "sections" else type_coerce(column, NullType())


@lru_cache(_CACHED)
def _names(sections: str | None) -> str:
    return csv_cells.write_cell(sections and json.loads(sections))


@lru_cache(_CACHED)
def _text(value: str | None) -> str:
    return csv_cells.write_cell(value)


def _moment(stored: str | datetime | None) -> str:
    """A time in UTC; SQLite has it as text without a zone."""
    if isinstance(stored, str):
        return f"{stored[:10]}T{stored[11:].removesuffix('.000000')}+00:00"
    return stored.astimezone(UTC).isoformat() if stored else ""
