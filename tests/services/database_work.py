"""The work that a database does, counted and not timed, so that a test can say that it does not grow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from newsletter.core.db import Database


@dataclass
class DatabaseWork:
    """SQLite: instructions of its virtual machine. PostgreSQL: rows that SELECTs read, those that a filter threw away
    included.
    """

    steps: int = 0
    statements: int = 0


@contextmanager
def counted_work(db: Database) -> Iterator[DatabaseWork]:
    """Count what is done through `db` meanwhile, in units of work that begin and end within. The counters stay at
    SQLite's connections, which are closed at the end.
    """
    work = DatabaseWork()

    def count_step() -> int:
        work.steps += 1
        return 0

    def on_checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.set_progress_handler(count_step, 1)

    def on_statement(_connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        work.statements += 1
        if not db.is_sqlite and statement.lstrip().startswith(("SELECT", "WITH")) and not many:
            work.steps += _rows_read(cursor.connection, statement, parameters)

    if db.is_sqlite:
        event.listen(db.engine, "checkout", on_checkout)
    event.listen(db.engine, "before_cursor_execute", on_statement)
    try:
        yield work
    finally:
        event.remove(db.engine, "before_cursor_execute", on_statement)
        if db.is_sqlite:
            event.remove(db.engine, "checkout", on_checkout)
            db.dispose()


def _rows_read(connection: Any, statement: str, parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
        found = cursor.fetchone()[0]
    return _rows_of((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def _rows_of(plan: dict[str, Any]) -> int:
    rows = 0.0
    if "Scan" in plan["Node Type"]:
        rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return round(rows) + sum(_rows_of(each) for each in plan.get("Plans", ()))
