"""The database: one engine, one unit of work.

SQLite (one machine) and PostgreSQL (many) behave alike here. SQLite, as tried: a transaction that reads first and
writes later fails with "locked" at once, whatever the time-out, so a writing transaction begins IMMEDIATE; deleted text
stays in the file unless `secure_delete` is on (and even then now and then: see `core.secure_delete`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Float,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from newsletter.core.errors import ConfigurationError

E = TypeVar("E", bound=StrEnum)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A row id. SQLite numbers rows by itself only when the type is INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC. A naive one is a mistake and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EnumText(TypeDecorator[E]):
    """A column of one of the words of a StrEnum. Other words raise ValueError; `one_of` has the database refuse them."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[E]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(self.kind(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.kind(value)


def one_of(column: str, words: Iterable[str], *, suffix: str = "") -> CheckConstraint:
    """The constraint that `column` holds one of `words`, or NULL; it is named after the column."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}{suffix}")


class Base(DeclarativeBase):
    """Base of all tables; constraints are named, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 - SQLAlchemy reads it from the class


class epoch_now(FunctionElement[float]):  # noqa: N801 - reads like the SQL functions beside it
    """The database's own time in seconds since 1970: leases are measured by it, since hosts' clocks differ."""

    type = Float()
    inherit_cache = True


@compiles(epoch_now, "sqlite")
def _epoch_sqlite(element: epoch_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(epoch_now, "postgresql")
def _epoch_postgresql(element: epoch_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def table_of(model: type[Base]) -> Table:
    """The table of a mapped class: statements on it cost half of what the ORM's do (measured)."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def rows_where_in(
    session: Session, query: Select[Any], column: ColumnElement[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """The rows of `query` whose `column` is one of `values`: text or bytes, 32,766 at most.

    For many values: each costs 1 µs, while SQLAlchemy's IN takes 5 (measured).
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        statement = f"{_written(query)} WHERE {column} IN ({', '.join('?' * len(values))})"
        return iter(connection.exec_driver_sql(statement, tuple(values)))
    return iter(connection.exec_driver_sql(f"{_written(query)} WHERE {column} = ANY(%s)", (list(values),)))


@cache
def _written(query: Select[Any]) -> str:
    return str(query)


class Database:
    """An engine and its two kinds of transaction."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _create_engine(url)
        self._writing = self.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A unit of work that may write: committed at the end, rolled back when an error leaves it."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads, and so never waits for a writer."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def bare(self) -> Connection:
        """A connection that begins no transaction."""
        return self.engine.connect().execution_options(sqlite_begin="")

    def dispose(self) -> None:
        """Close the connections (before a fork, and at the end)."""
        self.engine.dispose()


def _create_engine(url: str) -> Engine:
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    try:
        # An error quotes the statement, and in it addresses and tokens, unless told not to.
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:  # not repeated: it can hold a password
        raise ConfigurationError(
            "DATABASE_URL is not valid: it must look like postgresql://user:password@host/database or sqlite:////path."
        ) from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigurationError("DATABASE_URL names a kind of database that is neither PostgreSQL nor SQLite.")
    event.listen(engine, "handle_error", _leave_out_rows)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _leave_out_rows(context: ExceptionContext) -> None:
    """PostgreSQL's errors quote the row that offends ("Key (address_key)=(…) already exists."): only the first line
    stays, since errors come into logs, and with a failed job into Redis.
    """
    diagnostics = getattr(context.original_exception, "diag", None)
    if diagnostics is not None and (first := diagnostics.message_primary):
        whole = str(context.original_exception)
        context.original_exception.args = (first,)
        if (shown := context.sqlalchemy_exception) is not None:
            shown.args = tuple(str(arg).replace(whole, first) for arg in shown.args)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # this module begins transactions itself
    for pragma in (
        "busy_timeout=15000",
        "journal_mode=WAL",
        # FULL, not NORMAL: the mark "sending" must outlive a loss of power, or a batch would be mailed again.
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        # kB: readers of an edition lie scattered, and the next edition's on the same pages (2,000 kB: twice the time).
        "cache_size=-8000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
