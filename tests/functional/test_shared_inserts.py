"""Inserts that share a commit: each is committed when its thread goes on, and none fails for another's fault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Column, Connection, Engine, Insert, Integer, MetaData, Table, Text, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from newsletter.core.config import Settings
from newsletter.core.db import Database, shared_inserts
from tests.services.patience import PATIENCE

ROWS = Table("shared", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text, unique=True))
INSERT: Insert = insert(ROWS)
THREADS = 12


@pytest.fixture
def commits(db: Database) -> Iterator[list[Connection]]:
    """The commits since the table was made."""
    with db.engine.begin() as connection:
        ROWS.create(connection)
    found: list[Connection] = []
    event.listen(db.engine, "commit", found.append)
    yield found
    with db.engine.begin() as connection:
        ROWS.drop(connection)


def stored(db: Database) -> list[str]:
    with db.reading() as session:
        return sorted(session.scalars(select(ROWS.c.name)))


def held_back(engine: Engine) -> Callable[[], None]:
    """Holds the next commit back until the function is called."""
    go_on, first = threading.Event(), threading.Event()

    def wait(_connection: Connection) -> None:
        if not first.is_set():
            first.set()
            assert go_on.wait(PATIENCE)

    event.listen(engine, "commit", wait)
    return go_on.set


def test_those_that_come_during_a_commit_share_the_next(db: Database, commits: list[Connection]) -> None:
    let_go = held_back(db.engine)
    shared = db._shared_inserts
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(db.insert_together, INSERT, {"name": f"r{number:02}"}) for number in range(THREADS)]
        while INSERT not in shared or len(shared[INSERT]._waiting) < THREADS - 1:
            pass
        assert not any(each.done() for each in done), "nobody goes on before the commit"
        let_go()
        for each in done:
            each.result(PATIENCE)
    assert stored(db) == [f"r{number:02}" for number in range(THREADS)]
    assert len(commits) == 2


def test_more_than_fit_together_are_all_committed(
    db: Database, commits: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_inserts, "MOST", 2)
    let_go = held_back(db.engine)
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(db.insert_together, INSERT, {"name": f"r{number:02}"}) for number in range(THREADS)]
        while INSERT not in db._shared_inserts or len(db._shared_inserts[INSERT]._waiting) < THREADS - 1:
            pass
        # As locks may: the last that came has its turn first.
        db._shared_inserts[INSERT]._waiting.reverse()
        let_go()
        for number, each in enumerate(done):
            each.result(PATIENCE)
            assert f"r{number:02}" in stored(db)


def test_a_row_that_is_refused_fails_alone(db: Database, commits: list[Connection]) -> None:
    db.insert_together(INSERT, {"name": "taken"})
    let_go = held_back(db.engine)
    names = ["first", "one", "taken", "two"]
    with ThreadPoolExecutor(THREADS) as pool:
        done = {name: pool.submit(db.insert_together, INSERT, {"name": name}) for name in names}
        while len(db._shared_inserts[INSERT]._waiting) < len(names) - 1:
            pass
        let_go()
        assert isinstance(done.pop("taken").exception(60), IntegrityError)
        assert [each.result(PATIENCE) for each in done.values()] == [None] * 3
    assert stored(db) == ["first", "one", "taken", "two"]


def test_an_error_of_the_database_reaches_every_thread(db: Database, commits: list[Connection]) -> None:
    def fail(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT"):
            raise OperationalError(statement, {}, Exception("the disk is full"))

    event.listen(db.engine, "before_cursor_execute", fail)
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(db.insert_together, INSERT, {"name": f"r{number}"}) for number in range(THREADS)]
        assert all(isinstance(each.exception(60), OperationalError) for each in done)
    event.remove(db.engine, "before_cursor_execute", fail)
    assert stored(db) == []
    db.insert_together(INSERT, {"name": "later"})
    assert stored(db) == ["later"]


def test_those_before_a_refused_row_are_not_stored_by_the_try_together(db: Database, commits: list[Connection]) -> None:
    """One statement with many rows is one transaction, in PostgreSQL also without BEGIN."""
    with pytest.raises(IntegrityError), db._begin_insert() as connection:
        connection.execute(INSERT, [{"name": "one"}, {"name": "two"}, {"name": "two"}, {"name": "three"}])
    assert stored(db) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_insert_is_the_only_trip_to_postgresql(db: Database, commits: list[Connection], settings: Settings) -> None:
    db.insert_together(INSERT, {"name": "first"})
    db.insert_together(INSERT, {"name": "second"})  # on the same connection, which is not asked whether it lives
    with psycopg.connect(settings.database_url) as other:
        last = other.execute(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND application_name = ''"
        ).fetchall()
    assert [query.partition(" ")[0] for (query,) in last] == ["INSERT"]
    assert stored(db) == ["first", "second"]
