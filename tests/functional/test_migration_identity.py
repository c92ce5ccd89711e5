"""Migration 0006: letters that merely resemble each other make two addresses, and nobody who left comes back by it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import text

from newsletter import migrations
from newsletter.core.actors import OPERATOR
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers import addresses
from newsletter.subscribers.files.paced_import import ImportOptions, import_file
from newsletter.subscribers.models import SuppressionReason
from newsletter.subscribers.preferences import KnownNames
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.unsuppress import unsuppress

KEY = SuppressionKey("a suppression key for the tests")


@pytest.fixture(params=["sqlite", "postgresql"])
def old_db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database at revision 0003."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    else:
        base, name = request.getfixturevalue("postgres_url").rsplit("/", 1)
        with psycopg.connect(f"{base}/{name}", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}_identity"')
            connection.execute(f'CREATE DATABASE "{name}_identity"')
        url = f"{base}/{name}_identity"
    db = Database(url)
    with migrations._one_transaction(db) as connection:
        config = migrations.config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    yield db
    db.dispose()


def add_reader(db: Database, number: int, address: str, address_key: str) -> None:
    statement = (
        "INSERT INTO subscribers (id, address, address_key, status, token, cadence, min_trust, created_at) "
        "VALUES (:id, :address, :key, 'active', :token, 'weekly', 0, '2026-05-02 07:00:00+00:00')"
    )
    with db.engine.begin() as connection:
        values = {"id": number, "address": address, "key": address_key, "token": f"token-{number}"}
        connection.execute(text(statement), values)


def suppress_as_before(db: Database, address_key: str) -> None:
    """Write a suppression as the code before the migration did: under the case-folded key."""
    values = {"hash": hmac.digest(KEY.encode(), address_key.encode(), "sha256")}
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO suppressions (key_hash, reason, created_at) "
                "VALUES (:hash, 'unsubscribed', '2026-05-02 07:00:00+00:00')"
            ),
            values,
        )


def keys(db: Database) -> dict[int, str]:
    with db.engine.connect() as connection:
        return {row.id: row.address_key for row in connection.execute(text("SELECT id, address_key FROM subscribers"))}


def test_only_keys_that_differ_are_written_anew(old_db: Database) -> None:
    add_reader(old_db, 1, "jane.ſmith@example.org", "jane.smith@example.org")
    add_reader(old_db, 2, "Weiß@example.org", "weiss@example.org")
    add_reader(old_db, 3, "Jürgen@example.org", "jürgen@example.org")
    add_reader(old_db, 4, "Ada@example.org", "ada@example.org")
    migrations.upgrade(old_db)
    assert keys(old_db) == {
        1: "jane.ſmith@example.org",
        2: "weiß@example.org",
        3: "jürgen@example.org",
        4: "ada@example.org",
    }


def test_a_key_that_another_reader_has_is_reported_without_the_address(
    old_db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    add_reader(old_db, 1, "Weiß@example.org", "weiß@example.org")
    add_reader(old_db, 2, "weiß@example.org", "weiss@example.org")
    with caplog.at_level(logging.WARNING):
        migrations.upgrade(old_db)
    assert keys(old_db) == {1: "weiß@example.org", 2: "weiss@example.org"}
    assert "subscriber 2 keeps the old key: subscriber 1 has the same address" in caplog.text
    assert "example.org" not in caplog.text


def test_who_was_suppressed_before_the_migration_is_not_imported_after_it(old_db: Database, tmp_path: Path) -> None:
    suppress_as_before(old_db, "weiss@example.org")
    suppress_as_before(old_db, "jane.smith@example.org")
    migrations.upgrade(old_db)
    file = tmp_path / "readers.csv"
    file.write_text("address\nweiß@example.org\njane.ſmith@example.org\nGrün@example.org\n", "utf-8")
    options = ImportOptions("weekly", KnownNames(None, ()))
    result = import_file(old_db, KEY, file, tmp_path / "result.csv", options, by=OPERATOR)
    assert (result.state.imported, result.state.suppressed) == (1, 2)
    assert list(keys(old_db).values()) == ["grün@example.org"]


def test_new_suppressions_are_written_under_the_present_identity_alone(old_db: Database) -> None:
    migrations.upgrade(old_db)
    sharp, long = (addresses.identity_key(address) for address in ("weiß@example.org", "weiss@example.org"))
    with old_db.transaction() as session:
        suppressions.suppress(session, KEY, sharp, SuppressionReason.UNSUBSCRIBED)
        assert suppressions.is_suppressed(session, KEY, sharp)
        assert not suppressions.is_suppressed(session, KEY, long)


def test_an_operator_ends_both_suppressions_of_an_address(old_db: Database) -> None:
    suppress_as_before(old_db, "weiss@example.org")
    migrations.upgrade(old_db)
    key = addresses.identity_key("weiß@example.org")
    with old_db.transaction() as session:
        suppressions.suppress(session, KEY, key, SuppressionReason.BOUNCED)
        reason = unsuppress(session, KEY, "weiß@example.org", "They wrote to us", by=OPERATOR)
        assert reason is SuppressionReason.BOUNCED
        assert not suppressions.is_suppressed(session, KEY, key)
