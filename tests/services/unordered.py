"""Rows of a query that says no order, backwards: a test, or a query, that relies on their order fails at once, instead
of once in a hundred runs on PostgreSQL, which reuses the place of a deleted row."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Engine, event


def install() -> None:
    """For all engines of this process on SQLite (sqlite.org/pragma.html#pragma_reverse_unordered_selects)."""
    event.listen(Engine, "connect", _reverse)


def _reverse(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects=ON")
