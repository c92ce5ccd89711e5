"""Readers counted by their preferences, from which every edition of every draft is counted without asking again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, case, cast, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import table_of, unindexed
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.mail.formats import Format
from newsletter.subscribers.models import Subscriber, SubscriberStatus


class ReaderPreferences(NamedTuple):
    """The preferences of some readers, as far as they decide about the edition."""

    sections: frozenset[str] | None
    """None: all."""
    min_trust: int
    max_hype: str | None
    language: str
    format: Format
    is_pausing: bool


_TABLE = table_of(Subscriber).c


def count_preferences(session: Session, settings: Settings, cadence: Cadence) -> Counter[ReaderPreferences]:
    """The active readers of `cadence` (of breaking news: all who want it) by what they chose, those who pause too.

    The database reads them all: a million take about a second. So pages keep the answer for a while.
    """
    is_pausing = case((_TABLE.paused_until > clock.today(settings.timezone), 1), else_=0)
    is_text = case((_TABLE.format == Format.TEXT, 2), else_=0)
    # Few columns, and mostly NULL: to make a million Python strings and numbers of each is what takes the time.
    columns: list[ColumnElement[Any]] = [
        cast(_TABLE.sections, Text),
        _TABLE.max_hype,
        func.nullif(_TABLE.language, PUBLICATION_LANGUAGE),
        4 * _TABLE.min_trust + is_text + is_pausing,
    ]
    # Unindexed: most readers are read, and SQLite is faster through the table than through an index into it.
    is_active = unindexed(_TABLE.status) == SubscriberStatus.ACTIVE.value
    wants_it = _TABLE.breaking if cadence == Cadence.BREAKING else unindexed(_TABLE.cadence) == cadence.value
    choices: Counter[ReaderPreferences] = Counter()
    for row, readers in _count_rows(session, select(*columns).where(is_active, wants_it)):
        sections, max_hype, language, packed = row
        wanted = frozenset(json.loads(sections)) if sections else None
        format_ = Format.TEXT if packed & 2 else Format.HTML
        found = ReaderPreferences(
            wanted, packed >> 2, max_hype, language or PUBLICATION_LANGUAGE, format_, bool(packed & 1)
        )
        choices[found] += readers
    return choices


def _count_rows(session: Session, query: Select[Any]) -> Iterable[tuple[tuple[Any, ...], int]]:
    """The rows of a query as the driver gives them, each with how often it comes.

    SQLite sorts a million rows to group them, which takes twice the time of reading and counting them here (measured).
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        rows: Any = connection.execute(query).cursor
        return Counter[tuple[Any, ...]](rows).items()
    grouped = query.add_columns(func.count()).group_by(*query.selected_columns)
    return [(tuple(row[:-1]), row[-1]) for row in connection.execute(grouped)]
