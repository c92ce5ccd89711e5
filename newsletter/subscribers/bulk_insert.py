"""Inserts of subscribers in one statement each, so that two processes may add the same address at the same moment.

This is the SQL of two transitions, `CREATE` and `IMPORT`. Only `subscribers.lifecycle` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Text, bindparam, cast, column, func, literal_column, select, true
from sqlalchemy.orm import Session
from sqlalchemy.types import JSON

from newsletter.core import clock, tokens
from newsletter.core.db import table_of
from newsletter.core.db.statements import insert_into
from newsletter.core.ids import AddressKey, SubscriberId
from newsletter.subscribers import preferences
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.status_transitions import CREATE, IMPORT

_TABLE = table_of(Subscriber)
_NAMES = ("address", "address_key", "status", "token", "created_at", "confirmed_at", *preferences.PREFERENCE_COLUMNS)
_CACHED = 16_384
"""Different preferences whose columns are cached: a million readers share a few thousand."""


class PendingReader(NamedTuple):
    """A reader who signed up."""

    address: str
    address_key: AddressKey
    preferences: Preferences


class ConfirmedReader(NamedTuple):
    """A reader who confirmed elsewhere."""

    address: str
    address_key: AddressKey
    confirmed_at: datetime
    preferences: Preferences


def insert_pending(session: Session, readers: Sequence[PendingReader]) -> list[SubscriberId]:
    """Insert pending subscribers; returns their numbers. Addresses that have a subscriber already are left out."""
    rows = [
        {
            "address": each.address,
            "address_key": each.address_key,
            "status": CREATE.target,
            **each.preferences.columns(),
        }
        for each in readers
    ]
    connection = session.connection()
    return [SubscriberId(number) for number in connection.scalars(_insert_pending(connection.dialect.name), rows)]


@cache
def _insert_pending(dialect: str) -> Any:
    insert = insert_into(dialect, _TABLE).on_conflict_do_nothing(index_elements=["address_key"])
    return insert.returning(_TABLE.c.id)


def insert_confirmed(session: Session, readers: Sequence[ConfirmedReader]) -> int:
    """Insert readers, each address once; returns how many were inserted or made active.

    A pending subscriber becomes active with the preferences of the sign-up. All others stay as they are.

    SQLAlchemy's own way through a million rows takes 15 µs more for each than the database does (measured), so SQLite
    gets plain tuples, and PostgreSQL all rows in one JSON document.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        stored = _stored_by_sqlite()
        rows = _rows(readers, stored.moment, stored.preferences)
        return connection.exec_driver_sql(stored.insert, rows, execution_options=_COUNTED).rowcount
    rows = _rows(readers, _unchanged, _columns)
    document = orjson.dumps([dict(zip(_NAMES, row, strict=True)) for row in rows]).decode()
    return connection.execute(_insert_document(), {"rows": document}, execution_options=_COUNTED).rowcount


_COUNTED = {"preserve_rowcount": True}
"""Without it SQLAlchemy does not say how many rows an INSERT touched."""


def _rows(
    readers: Sequence[ConfirmedReader],
    moment: Callable[[datetime], Any],
    columns: Callable[[Preferences], tuple[Any, ...]],
) -> list[tuple[Any, ...]]:
    """Values in the order of `_NAMES`."""
    status, now = str(IMPORT.target), moment(clock.now())
    with_tokens = zip(tokens.random_tokens(len(readers)), readers, strict=True)
    return [
        (address, key, status, token, now, moment(confirmed_at), *columns(chosen))
        for token, (address, key, confirmed_at, chosen) in with_tokens
    ]


@lru_cache(_CACHED)
def _columns(chosen: Preferences) -> tuple[Any, ...]:
    columns = chosen.columns()
    return tuple(columns[name] for name in preferences.PREFERENCE_COLUMNS)


def _unchanged(value: datetime) -> datetime:
    return value


class _Stored(NamedTuple):
    """The statement for SQLite, and how its driver wants the values, as SQLAlchemy's types say."""

    insert: str
    moment: Callable[[datetime], Any]
    preferences: Callable[[Preferences], tuple[Any, ...]]


@cache
def _stored_by_sqlite() -> _Stored:
    from sqlalchemy.dialects import sqlite  # here: not on PostgreSQL

    dialect = sqlite.dialect()
    processors = {
        name: _TABLE.c[name].type.dialect_impl(dialect).bind_processor(dialect) or (lambda value: value)
        for name in _NAMES
    }
    source = select(*(bindparam(name, type_=_TABLE.c[name].type) for name in _NAMES))
    compiled = _confirming(insert_into("sqlite", _TABLE), source).compile(dialect=dialect)

    @lru_cache(_CACHED)
    def stored(chosen: Preferences) -> tuple[Any, ...]:
        values = zip(preferences.PREFERENCE_COLUMNS, _columns(chosen), strict=True)
        return tuple(processors[name](value) for name, value in values)

    return _Stored(str(compiled), processors["confirmed_at"], stored)


@cache
def _insert_document() -> Any:
    document = cast(bindparam("rows", type_=Text), JSON)
    fields = (column(name, _TABLE.c[name].type) for name in _NAMES)
    rows = func.json_to_recordset(document).table_valued(*fields, name="new").render_derived(with_types=True)
    return _confirming(insert_into("postgresql", _TABLE), select(*(rows.c[name] for name in _NAMES)))


def _confirming(insert: Any, source: Any) -> Any:
    """SQLite needs the WHERE: without it ON CONFLICT reads like a join's."""
    statement = insert.from_select(_NAMES, source.where(true()), include_defaults=False)
    return statement.on_conflict_do_update(
        index_elements=["address_key"],
        set_={"status": statement.excluded.status, "confirmed_at": statement.excluded.confirmed_at},
        where=_TABLE.c.status.in_([literal_column(f"'{status}'") for status in IMPORT.statuses]),
    )
