"""Connections that the server has closed: replaced before they are used, unless one was used a moment ago."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from newsletter.core.config import Settings
from newsletter.core.db import Database, liveness

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def pings(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The connections that were asked whether they live."""
    asked: list[object] = []
    ping = db.engine.dialect.do_ping

    def noted(connection: object) -> bool:
        asked.append(connection)
        return ping(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(db.engine.dialect, "do_ping", noted)
    return asked


def process(db: Database) -> int:
    with db.reading() as session:
        return int(session.scalars(text("SELECT pg_backend_pid()")).one())


def close_all(db: Database, settings: Settings) -> None:
    """As a server that is started anew does."""
    other = Database(settings.database_url)
    with other.transaction() as session:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        # And wait until they have ended: the signal alone says nothing.
        session.execute(text(f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE {mine}"))
    other.dispose()


def test_one_that_was_used_a_moment_ago_is_trusted(
    db: Database, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "TRUSTED_FOR", 3600.0)
    assert process(db) == process(db)
    assert pings == []


def test_one_that_was_just_opened_is_trusted(
    db: Database, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "TRUSTED_FOR", 0.0)
    db.dispose()
    process(db)
    assert pings == []
    process(db)
    assert len(pings) == 1


def test_all_that_are_as_old_are_replaced_when_one_is_dead(
    db: Database, pings: list[object], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "TRUSTED_FOR", 0.0)
    with db.reading() as one, db.reading() as another:
        old = {session.scalars(text("SELECT pg_backend_pid()")).one() for session in (one, another)}
    close_all(db, settings)
    pings.clear()
    with db.reading() as one, db.reading() as another:
        new = {session.scalars(text("SELECT pg_backend_pid()")).one() for session in (one, another)}
    assert len(new) == 2
    assert not new & old
    assert len(pings) == 1, "the other one is not even asked"


def test_one_that_dies_within_the_moment_costs_one_error(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "TRUSTED_FOR", 3600.0)
    process(db)
    close_all(db, settings)
    with pytest.raises(OperationalError):
        process(db)
    process(db)
