"""Inserts of many threads in one transaction: each waits for the commit, and one commit serves all that came together.

A commit costs a write to the disk, which takes many times as long as the insert.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Insert
from sqlalchemy.exc import DataError, IntegrityError

MOST = 100
"""Rows in one transaction."""


class _Row:
    """A row that a thread waits for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.is_done = False
        self.error: Exception | None = None


class SharedInserts:
    """Inserts rows by one statement. There is no thread for it: the first that waits writes for all."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]], statement: Insert) -> None:
        self._transaction, self._statement = transaction, statement
        self._waiting: list[_Row] = []
        self._writing = threading.Lock()

    def insert(self, values: dict[str, Any]) -> None:
        """Insert a row, and return once it is committed. Raises what the database raises for it."""
        row = _Row(values)
        self._waiting.append(row)
        with self._writing:  # whoever waits here is written for by the one before, or writes for those behind
            while not row.is_done:  # more than MOST may wait before it
                self._write_waiting()
        if row.error is not None:
            raise row.error

    def _write_waiting(self) -> None:
        rows = self._waiting[:MOST]
        del self._waiting[: len(rows)]  # no more: another thread may have added one meanwhile
        try:
            self._write(rows)
        except (IntegrityError, DataError):  # one of them is refused: which?
            for row in rows:
                self._write_alone(row)
        except Exception as error:  # noqa: BLE001 - raised in each thread that waits
            for row in rows:
                row.error = error
        for row in rows:
            row.is_done = True

    def _write_alone(self, row: _Row) -> None:
        try:
            self._write([row])
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            row.error = error

    def _write(self, rows: Sequence[_Row]) -> None:
        with self._transaction() as connection:
            connection.execute(self._statement, [row.values for row in rows])
