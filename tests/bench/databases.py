"""Empty databases of both kinds to measure with, and what the driver itself needs to fill one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from newsletter import migrations
from newsletter.core.db import Database
from tests.services.postgres import Postgres

KINDS = ("SQLite", "PostgreSQL")


@contextmanager
def database_of(kind: str) -> Iterator[str]:
    """The URL of an empty database of this kind, there for a while."""
    with databases_of(kind, 1) as (url,):
        yield url


@contextmanager
def databases_of(kind: str, count: int) -> Iterator[list[str]]:
    """The URLs of empty databases of this kind; those of PostgreSQL are on one server."""
    if kind == "SQLite":
        with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
            yield [f"sqlite:///{Path(folder) / f'{number}.sqlite3'}" for number in range(count)]
    else:
        server = Postgres()
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                for number in range(count):
                    connection.execute(f"CREATE DATABASE bench_{number}")
            yield [server.url(f"bench_{number}") for number in range(count)]
        finally:
            server.stop()


def migrated(url: str) -> Database:
    """The database at `url`, with all tables."""
    database = Database(url)
    migrations.upgrade(database)
    return database


def insert_by_driver(database: Database, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert `rows` as the driver does it fastest: executemany of SQLite, COPY of PostgreSQL, in one transaction."""
    names = ", ".join(columns)
    connection = database.engine.raw_connection()
    try:
        cursor: Any = connection.cursor()
        if database.is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
        else:
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        connection.commit()
    finally:
        connection.close()


def read_by_driver(database: Database, statement: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement as plain tuples, without SQLAlchemy."""
    connection = database.engine.raw_connection()
    try:
        # By name, so that PostgreSQL's server keeps the rows that are not read yet.
        cursor: Any = connection.cursor() if database.is_sqlite else connection.cursor("rows")
        if not database.is_sqlite:
            cursor.itersize = 10_000
        cursor.execute(statement)
        yield from cursor
    finally:
        connection.close()
