"""Migration 0012: subscriptions that ended before it get the time of their end, and so are reduced in their time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import select, text

from newsletter import migrations
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.subscribers.models import Subscriber


@pytest.fixture(params=["sqlite", "postgresql"])
def old_db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database at revision 0011."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    else:
        base, name = request.getfixturevalue("postgres_url").rsplit("/", 1)
        with psycopg.connect(f"{base}/{name}", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}_past"')
            connection.execute(f'CREATE DATABASE "{name}_past"')
        url = f"{base}/{name}_past"
    db = Database(url)
    with migrations._one_transaction(db) as connection:
        config = migrations.config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
    yield db
    db.dispose()


def test_the_end_is_that_of_the_last_thing_known(old_db: Database) -> None:
    rows = {
        1: ("active", None),
        2: ("pending", None),
        3: ("unsubscribed", "2026-05-02 07:00:00+00:00"),
        4: ("bounced", None),
        5: ("complained", None),
    }
    with old_db.engine.begin() as connection:
        for number, (status, unsubscribed_at) in rows.items():
            connection.execute(
                text(
                    "INSERT INTO subscribers (id, address, address_key, status, token, cadence, min_trust, created_at, "
                    "unsubscribed_at) VALUES (:id, :address, :address, :status, :token, 'weekly', 0, "
                    "'2026-01-01 07:00:00+00:00', :at)"
                ),
                {
                    "id": number,
                    "address": f"r{number}@readers.example",
                    "status": status,
                    "token": f"token-{number}",
                    "at": unsubscribed_at,
                },
            )
        for key, at in (("1", "2026-03-01 07:00:00+00:00"), ("2", "2026-04-01 07:00:00+00:00")):
            connection.execute(
                text(
                    "INSERT INTO events (subscriber_id, kind, dedupe_key, reason, occurred_at) "
                    "VALUES (4, 'bounced', :key, '550', :at)"
                ),
                {"key": key, "at": at},
            )
    migrations.upgrade(old_db)
    with old_db.reading() as session:
        ended_at = {row.id: row.ended_at for row in session.execute(select(Subscriber.id, Subscriber.ended_at))}
    assert (ended_at[1], ended_at[2]) == (None, None)
    assert ended_at[3] == datetime(2026, 5, 2, 7, tzinfo=UTC)
    assert ended_at[4] == datetime(2026, 4, 1, 7, tzinfo=UTC)
    assert ended_at[5] is not None
    assert abs(ended_at[5] - clock.now()) < timedelta(hours=1), "nothing is known: its time begins now"
