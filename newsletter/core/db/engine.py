"""The engine, and its two kinds of transaction.

SQLite fails with "locked" at once, whatever the time-out, when a transaction reads first and writes later (tried). So a
writing transaction begins IMMEDIATE. Deleted text stays in SQLite's file unless `secure_delete` is on, and now and then
even then: see `core.secure_delete`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, ExceptionContext, Insert, create_engine, event
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from newsletter.core.db import deferred_logs, liveness, public_content
from newsletter.core.db.shared_inserts import SharedInserts
from newsletter.core.errors import ConfigurationError

_BEGIN_WRITING = "BEGIN IMMEDIATE"
_BUSY_TIMEOUT = 15
"""Seconds for which a transaction waits for another."""
_TRY_EVERY = 0.002
"""Seconds between two tries of a writing transaction to begin."""


class DatabaseTimeouts(NamedTuple):
    """Seconds after which PostgreSQL is not waited for any more. Without them a lock or a connection that a dead host
    left behind stops every process until TCP gives up, which can take hours. SQLite needs none of them."""

    connect: float = 5.0
    lock: float = 5.0
    statement: float = 120.0
    idle: float = 60.0
    """Of a transaction that does nothing: its host is gone, or hangs."""
    network: float = 20.0
    """For which a host may be silent: keepalives, and TCP_USER_TIMEOUT for what was sent."""


class _WritingSession(Session):
    """A session whose log lines wait for its commit."""


event.listen(_WritingSession, "after_soft_rollback", deferred_logs.drop_lines)


class Database:
    """An engine and its two kinds of transaction. Raises ConfigurationError when `url` names no database of ours."""

    def __init__(self, url: str, timeouts: DatabaseTimeouts = DatabaseTimeouts()) -> None:  # noqa: B008 - a constant
        self.url = url
        self.engine = _create_engine(url, timeouts)
        self._writing = self.engine.execution_options(sqlite_begin=_BEGIN_WRITING)
        # PostgreSQL commits a statement outside of a transaction by itself, and many rows in psycopg's pipeline
        # together: two trips less, those of BEGIN and COMMIT.
        alone = self._writing if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._begin_insert = alone.begin
        self._shared_inserts: dict[Insert, SharedInserts] = {}

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A unit of work that may write: committed at the end, rolled back when an error leaves it."""
        with _WritingSession(self._writing, expire_on_commit=False) as session:
            with session.begin():
                yield session
            deferred_logs.write_lines(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads. It never waits for a writer."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def public_version(self) -> int:
        """The version of public content, a moment ago at most (`public_content.BELIEVED_FOR`)."""
        return public_content.present_version(self.engine)

    def insert_together(self, statement: Insert, values: dict[str, Any]) -> None:
        """Insert a row, and return once it is committed: with rows of other threads, if they come at the same moment.

        `statement` is the same object each time.
        """
        self._shared_inserts.setdefault(statement, SharedInserts(self._begin_insert, statement)).insert(values)

    def bare(self) -> Connection:
        """A connection that begins no transaction."""
        return self.engine.connect().execution_options(sqlite_begin="")

    def dispose(self) -> None:
        """Close the connections (before a fork, and at the end)."""
        self.engine.dispose()


def _create_engine(url: str, timeouts: DatabaseTimeouts) -> Engine:
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    try:
        # Otherwise an error quotes the statement's values, which can be addresses and tokens.
        engine = create_engine(url, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError):  # not repeated or chained: it can hold a password
        raise ConfigurationError(
            "setting.database_url",
            "DATABASE_URL is not valid: it must look like postgresql://user:password@host/database or sqlite:////path.",
        ) from None
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            "setting.database_kind", "DATABASE_URL names a kind of database that is neither PostgreSQL nor SQLite."
        )
    event.listen(engine, "handle_error", _leave_out_rows)
    event.listen(engine, "handle_error", _leave_read_only)
    public_content.watch(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        liveness.watch(engine)
        event.listen(engine, "do_connect", lambda _d, _r, _a, parameters: parameters.update(_network(timeouts)))
        event.listen(engine, "connect", lambda connection, _record: _limit_waits(connection, timeouts))
    return engine


def _network(timeouts: DatabaseTimeouts) -> dict[str, int]:
    """libpq's parameters (postgresql.org/docs/current/libpq-connect.html)."""
    third = max(round(timeouts.network / 3), 1)
    return {
        "connect_timeout": max(round(timeouts.connect), 2),  # libpq takes less for 2
        "keepalives": 1,
        "keepalives_idle": third,
        "keepalives_interval": third,
        "keepalives_count": 2,
        "tcp_user_timeout": round(timeouts.network * 1000),
    }


def _limit_waits(connection: Any, timeouts: DatabaseTimeouts) -> None:
    """Statements and not start-up options, which poolers such as PgBouncer refuse."""
    limits = {
        "lock_timeout": timeouts.lock,
        "statement_timeout": timeouts.statement,
        "idle_in_transaction_session_timeout": timeouts.idle,
    }
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {name} = {round(seconds * 1000)}" for name, seconds in limits.items()))
    connection.autocommit = False


def _leave_out_rows(context: ExceptionContext) -> None:
    """Cut an error of PostgreSQL to its first line. The others quote the row that offends ("Key (address_key)=(…)
    already exists."), and errors come into logs, and with a failed job into Redis.
    """
    diagnostics = getattr(context.original_exception, "diag", None)
    if diagnostics is not None and (first := diagnostics.message_primary):
        whole = str(context.original_exception)
        context.original_exception.args = (first,)
        if (shown := context.sqlalchemy_exception) is not None:
            shown.args = tuple(str(arg).replace(whole, first) for arg in shown.args)


def _leave_read_only(context: ExceptionContext) -> None:
    """Open new connections once one turns out to be read-only: SQLite's stays so for good, whatever becomes of the
    file, and PostgreSQL's may lead to a host that is the standby now."""
    error = context.original_exception
    if getattr(error, "sqlstate", None) == "25006" or "readonly database" in str(error):
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # this module begins transactions itself
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT * 1000}",
        "journal_mode=WAL",
        # FULL, not NORMAL: the state "sending" must outlive a loss of power, or a batch would be mailed again.
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        # kB: readers of an edition lie scattered, and the next edition's on the same pages (2,000 kB: twice the time).
        "cache_size=-8000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin. SQLite waits for another writer in steps that grow to 100 ms, and who came first goes last: under load,
    one sign-up in a hundred took half a second (measured). So a writing transaction tries again each few thousandths.
    """
    statement = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    if statement != _BEGIN_WRITING:
        if statement:
            connection.exec_driver_sql(statement)
        return
    import sqlite3  # here: with PostgreSQL nobody needs it

    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    end = time.monotonic() + _BUSY_TIMEOUT
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute(statement)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    break
                time.sleep(random.uniform(0.5, 1.5) * _TRY_EVERY)  # noqa: S311
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT * 1000}")
    connection.exec_driver_sql(statement)  # once more through SQLAlchemy, for its error
