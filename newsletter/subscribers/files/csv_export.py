"""Subscribers as a CSV file, which `subscribers.files.csv_file` reads back."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.db import table_of
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells
from newsletter.subscribers.models import Subscriber, SubscriberStatus

_TABLE = table_of(Subscriber)
COLUMNS = ("email", "status", *preferences.PREFERENCE_COLUMNS, "confirmed_at")
PAGE = 5000
"""Subscribers at a time: no transaction stays open while they are written."""


class ExportPage(NamedTuple):
    """Lines of the file, of so many subscribers, and the id of the last one."""

    text: str
    readers: int
    last_id: int


def header_line() -> str:
    """The first line."""
    return _lines([COLUMNS])


def export_page(session: Session, statuses: Sequence[SubscriberStatus], after_id: int = 0) -> ExportPage:
    """The next subscribers after `after_id` that have one of `statuses`, in the order of their ids."""
    columns = (_TABLE.c.id, _TABLE.c.address, *(_TABLE.c[name] for name in COLUMNS[1:]))
    query = select(*columns).where(_TABLE.c.id > after_id, _TABLE.c.status.in_(statuses)).order_by(_TABLE.c.id)
    rows = session.execute(query.limit(PAGE)).all()
    text = _lines([[csv_cells.write_cell(value) for value in row[1:]] for row in rows])
    return ExportPage(text, len(rows), rows[-1].id if rows else after_id)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
