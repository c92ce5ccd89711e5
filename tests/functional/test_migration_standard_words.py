"""Migration 0003 on tables that are filled as the code before it filled them: every row and value is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import JSON, DateTime, MetaData, Table, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from newsletter import migrations
from newsletter.core.db import Database, engine
from newsletter.core.errors import ConflictError
from newsletter.migrations.tables import metadata
from newsletter.operations.mail_registry import MAIL_TYPES

Row = dict[str, Any]

T0 = datetime(2026, 5, 2, 7, 0, tzinfo=UTC)
T1 = T0 + timedelta(days=1, microseconds=123456)
SALT, HASH_1, HASH_2 = b"\x00salt\xff", b"1" * 32, b"\xfe" * 32


def subscriber(number: int, status: str, **more: Any) -> Row:
    """A subscriber who never confirmed, unless `more` says otherwise."""
    address = f"r{number}@readers.example"
    chosen = {"cadence": "weekly", "sections": None, "min_trust": 0, "max_hype": None, "breaking": False}
    format_ = {"hour": None, "zone": None, "format": "html", "language": "en", "paused_until": None}
    times = {"created_at": T0, "asked_at": None, "asked_times": 0, "confirmed_at": None}
    left = {"left_at": None, "left_reason": None}
    who = {"id": number, "address": address, "address_key": address, "status": status, "token": f"token-{number}"}
    return who | chosen | format_ | times | left | more


def digest(number: int, status: str, **more: Any) -> Row:
    words = {"cadence": "weekly", "subject": f"Subject {number} – ü", "preheader": "", "intro": "An intro"}
    times = {"created_at": T0, "scheduled_at": None, "frozen_at": None, "sent_at": None}
    return (
        {"id": number, "status": status, "paused_reason": None, "paused_note": None, "exact": False}
        | words
        | times
        | more
    )


def batch(number: int, state: str, **more: Any) -> Row:
    return {
        "id": number,
        "digest_id": 2,
        "edition_id": 1,
        "state": state,
        "attempt": 1,
        "lease_until": None,
        "due_at": None,
        "not_before": None,
        "failures": 0,
        "deferred_since": None,
        "handover": None,
        "withdrawing": False,
        "provider_ref": None,
        "disowned": None,
        "twice": False,
        "tried_at": None,
        "note": None,
        "first_id": 1,
        "last_id": 4,
        "outcomes": b"\x00\x01\x02\x06",
        "recipients": b"\x01\x00\x02\xff",
        "created_at": T0,
    } | more


def mail(number: int, kind: str, payload: Row, **more: Any) -> Row:
    waits = {"attempt": 0, "not_before": None, "lease_until": None, "note": None, "created_at": T0}
    return {"id": number, "kind": kind, "payload": payload} | waits | more


def revision(number: int, article: int) -> Row:
    words = {"section": "Policy", "date": date(2026, 5, 2), "title": "Title", "dek": "", "trust": 69, "hype": "No hype"}
    parts = {"source_count": 1, "sources": [{"name": "The Verge"}], "bullets": ["One", "Zwei ü"], "body": "Body"}
    is_current = {"number": 1, "is_current": True, "created_at": T0}
    return {"id": number, "article_id": article} | words | parts | is_current


FILLED: dict[str, list[Row]] = {
    "articles": [{"id": n, "slug": f"story-{n}", "created_at": T0} for n in (1, 2)],
    "revisions": [revision(1, 1), revision(2, 2)],
    "digests": [
        digest(1, "draft"),
        digest(2, "sending", scheduled_at=T0, frozen_at=T0, exact=True),
        digest(3, "paused", paused_reason="overdue", paused_note="It was due at 7.", scheduled_at=T0),
        digest(4, "sent", cadence="breaking", scheduled_at=T0, frozen_at=T0, sent_at=T1),
        digest(5, "cancelled", paused_reason=None),
        digest(6, "scheduled", cadence="monthly", scheduled_at=T1),
        digest(9, "draft", subject="Deleted before the upgrade"),
    ],
    "digest_articles": [
        {"id": 1, "digest_id": 2, "position": 0, "revision_id": 1},
        {"id": 2, "digest_id": 2, "position": 1, "revision_id": 2},
    ],
    "subscribers": [
        subscriber(1, "pending", asked_at=T0, asked_times=2),
        subscriber(
            2,
            "active",
            confirmed_at=T1,
            sections=["Policy", "Research"],
            max_hype="Low hype",
            breaking=True,
            hour=7,
            zone="Europe/Berlin",
            format="text",
            language="de",
            paused_until=date(2026, 6, 1),
            cadence="daily",
        ),
        subscriber(3, "left", confirmed_at=T0, left_at=T1, left_reason="often"),
        subscriber(4, "bounced", confirmed_at=T0),
        subscriber(5, "complained", confirmed_at=T0),
        subscriber(6, "left", left_at=T1),
        subscriber(12, "active"),
    ],
    "suppressions": [
        {"key_hash": HASH_1, "reason": "left", "created_at": T0},
        {"key_hash": HASH_2, "reason": "erased", "created_at": T1},
        {"key_hash": b"3" * 32, "reason": "complained", "created_at": T1},
    ],
    "lifted_suppressions": [
        {"id": 1, "key_hash": HASH_1, "reason": "left", "why": "Left by mistake", "lifted_at": T1},
        {"id": 2, "key_hash": HASH_2, "reason": "bounced", "why": "Mended", "lifted_at": T0},
    ],
    "signup_requests": [
        {
            "id": number,
            "address": f"new{number}@readers.example",
            "address_key": f"new{number}@readers.example",
            "choices": {"cadence": "weekly", "sections": None},
            "page": "/",
            "wording": "You agree",
            "rank": number,
            "asked_at": T1,
        }
        for number in (1, 2)
    ],
    "consents": [
        {"id": 1, "subscriber_id": 1, "wording": "W", "page": "/", "asked_at": T0, "confirmed_at": None},
        {"id": 2, "subscriber_id": 3, "wording": "W", "page": "/embed", "asked_at": T0, "confirmed_at": T1},
    ],
    "address_changes": [
        {
            "id": number,
            "subscriber_id": reader,
            "address": f"moved{reader}@readers.example",
            "address_key": f"moved{reader}@readers.example",
            "asked_at": T0,
            "asked_times": 3,
            "moved_at": moved_at,
        }
        for number, reader, moved_at in ((1, 1, None), (2, 2, T1))
    ],
    "fresh_links": [
        {"subscriber_id": 2, "kind": "data", "asked_at": T0, "asked_times": 1},
        {"subscriber_id": 2, "kind": "address", "asked_at": T1, "asked_times": 4},
    ],
    "editions": [
        {"id": 1, "digest_id": 2, "mask": 3, "language": "en", "format": "html"},
        {"id": 2, "digest_id": 2, "mask": 2**62, "language": "de", "format": "text"},
    ],
    "mailings": [
        {"id": 1, "digest_id": 2, "language": "en", "letter": b'{"a":1}', "id_salt": SALT, "created_at": T0},
        {"id": 2, "digest_id": 2, "language": "de", "letter": b"\x00\xff", "id_salt": SALT, "created_at": T0},
    ],
    "batches": [
        batch(1, "ready", due_at=T1, not_before=T1),
        batch(2, "claimed", lease_until=1777705200.25),
        batch(3, "sending", tried_at=T0, handover="sg-batch", withdrawing=True),
        batch(4, "done", edition_id=2, disowned=1, twice=True, attempt=2, provider_ref="message-id"),
        batch(5, "in_doubt", note="No answer", failures=2, deferred_since=T0, tried_at=T1),
        batch(8, "done"),
    ],
    "taken_batches": [{"batch_id": 5, "attempt": 1}, {"batch_id": 3, "attempt": 1}],
    "refusals": [
        {"id": 1, "digest_id": 2, "subscriber_id": 1, "reason": "550 no", "temporary": False, "created_at": T0},
        {"id": 2, "digest_id": 2, "subscriber_id": 2, "reason": "452 full", "temporary": True, "created_at": T0},
    ],
    "events": [
        {
            "id": number,
            "subscriber_id": reader,
            "digest_id": 2 if number % 2 else None,
            "kind": kind,
            "occasion": f"digest {number}",
            "reason": "550 5.1.1",
            "occurred_at": T1,
        }
        for number, (reader, kind) in enumerate(
            (
                (4, "bounced"),
                (4, "soft_bounced"),
                (1, "blocked"),
                (5, "complained"),
                (3, "unsubscribed"),
                (2, "dropped"),
            ),
            1,
        )
    ],
    "event_posts": [
        {
            "id": 1,
            "provider": "sendgrid",
            "body_hash": HASH_1,
            "received_at": T0,
            "payload": {
                "taken": [[5, 1, "letter-key"]],
                "events": [["bounced", 1777705200, 2, 0, 4, None, "550"], ["dropped", 1, 2, 1, None, "bounced", ""]],
            },
            "attempt": 2,
            "not_before": T1,
        },
        {
            "id": 2,
            "provider": "sendgrid",
            "body_hash": HASH_2,
            "received_at": T1,
            "payload": None,
            "attempt": 0,
            "not_before": None,
        },
    ],
    "turns": [{"id": 1, "number": 2**40, "turned_at": T0}, {"id": 2, "number": 7, "turned_at": T1}],
    "import_progress": [
        {
            "id": number,
            "file_hash": bytes([number]) * 32,
            "row": 1000,
            "position": 12345,
            "imported": 990,
            "unchanged": 5,
            "suppressed": 3,
            "refused": 2,
            "result_size": 77,
            "updated_at": T1,
        }
        for number in (1, 2)
    ],
    "outgoing_mail": [
        mail(1, "confirmation", {"subscriber": 1, "asked_at": T0.isoformat()}, not_before=T1),
        mail(2, "already", {"subscriber": 2, "asked_at": T1.isoformat()}, attempt=3, note="Busy."),
        mail(3, "fresh_link", {"subscriber": 2, "kind": "data"}, lease_until=1777705200.5),
        mail(4, "new_address", {"subscriber": 1, "asked_at": T0.isoformat()}),
        mail(5, "old_address", {"subscriber": 2, "moved_at": T1.isoformat()}),
        mail(6, "erased", {"address": "gone@readers.example", "also": ["old@readers.example"], "language": "de"}),
        mail(
            7,
            "erased",
            {"address": "b@readers.example", "also": [], "language": "en", "format": "text", "mailed": False},
        ),
        mail(8, "confirmation", {"subscriber": 999, "asked_at": T0.isoformat()}),  # its reader is gone
        mail(20, "confirmation", {"subscriber": 12, "asked_at": T0.isoformat()}),
    ],
}
"""Rows by table, parents first."""

GAPS = {"digests": 9, "subscribers": 12, "batches": 8, "outgoing_mail": 20}
"""Ids of rows that are deleted before the upgrade: they must not be given again."""

NEW_NAMES = {
    "lifted_suppressions": "unsuppressions",
    "fresh_links": "one_time_links",
    "mailings": "rendered_digests",
    "taken_batches": "acceptance_proofs",
    "event_posts": "webhook_deliveries",
    "turns": "clock_ticks",
}
NEW_COLUMNS = {
    "digests": {"exact": "provider_schedule"},
    "subscribers": {
        "asked_at": "confirmation_sent_at",
        "asked_times": "confirmations_sent",
        "left_at": "unsubscribed_at",
        "left_reason": "unsubscribe_reason",
    },
    "lifted_suppressions": {"lifted_at": "unsuppressed_at"},
    "signup_requests": {"choices": "preferences", "asked_at": "requested_at"},
    "consents": {"asked_at": "requested_at"},
    "address_changes": {"asked_at": "requested_at", "asked_times": "requests", "moved_at": "changed_at"},
    "fresh_links": {"kind": "purpose", "asked_at": "requested_at", "asked_times": "requests"},
    "mailings": {"letter": "content"},
    "batches": {
        "handover": "provider_batch_id",
        "disowned": "resent_attempt",
        "tried_at": "attempted_at",
        "twice": "mailed_twice",
    },
    "events": {"occasion": "dedupe_key"},
    "turns": {"turned_at": "ticked_at"},
}
NEW_PAYLOADS: dict[int, tuple[str, int | None, Row]] = {
    1: ("confirmation", 1, {"requested_at": T0.isoformat()}),
    2: ("already_subscribed", 2, {"requested_at": T1.isoformat()}),
    3: ("one_time_link", 2, {"purpose": "data"}),
    4: ("new_address", 1, {"requested_at": T0.isoformat()}),
    5: ("old_address", 2, {"changed_at": T1.isoformat()}),
    6: (
        "erased",
        None,
        {
            "address": "gone@readers.example",
            "also": ["old@readers.example"],
            "language": "de",
            "format": "html",
            "mailed": True,
        },
    ),
    7: (
        "erased",
        None,
        {"address": "b@readers.example", "also": [], "language": "en", "format": "text", "mailed": False},
    ),
}


def expected(table: str) -> list[Row]:
    """The rows of an old table as they should be after the upgrade."""
    columns = NEW_COLUMNS.get(table, {})
    rows = [{columns.get(name, name): value for name, value in row.items()} for row in kept(table)]
    for row in rows:
        if table in ("subscribers", "suppressions", "lifted_suppressions"):
            row.update({name: "unsubscribed" for name in ("status", "reason") if row.get(name) == "left"})
        if table == "digests":
            row["version"] = 1
        if table == "import_progress":
            row["noted"] = 0
        if table == "event_posts" and row["payload"]:
            row["payload"] = {"acceptances": row["payload"]["taken"], "events": row["payload"]["events"]}
        if table == "outgoing_mail":
            row["kind"], row["subscriber_id"], row["payload"] = NEW_PAYLOADS[row["id"]]
    return rows


def kept(table: str) -> list[Row]:
    gone = {GAPS.get(table, 0)} | ({8} if table == "outgoing_mail" else set())
    return [row for row in FILLED[table] if row.get("id") not in gone]


@pytest.fixture(params=["sqlite", "postgresql"])
def old_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A filled database at revision 0002."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    if request.param == "postgresql":
        base, _, name = request.getfixturevalue("postgres_url").rpartition("/")
        url = f"{base}/{name}_old"
        with psycopg.connect(f"{base}/{name}", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}_old"')
            connection.execute(f'CREATE DATABASE "{name}_old"')
    database = Database(url)
    upgrade_to(database, "0002")
    fill(database)
    yield database
    database.dispose()


def upgrade_to(db: Database, revision_number: str) -> None:
    settings = migrations.config()
    with db.engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision_number)


def fill(db: Database) -> None:
    with db.engine.begin() as connection:
        for name, rows in FILLED.items():
            table = reflected(db, name)
            for row in rows:
                connection.execute(insert(table).values(row))
            if not db.is_sqlite and "id" in table.columns:
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence(:table, 'id'), (SELECT max(id) FROM {name}))"),
                    {"table": name},
                )
        for name, number in GAPS.items():
            connection.execute(text(f"DELETE FROM {name} WHERE id = {number}"))


def reflected(db: Database, name: str) -> Table:
    """A table with the types that both databases have for our values."""
    table = Table(name, MetaData(), autoload_with=db.engine)
    for column in table.columns:
        if isinstance(column.type, DateTime):
            column.type = metadata.tables["articles"].columns["created_at"].type
        elif isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return table


def rows_of(db: Database, name: str) -> list[Row]:
    table = reflected(db, name)
    with db.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def snapshot(db: Database) -> dict[str, list[Row]]:
    """All rows of a database at revision 0002."""
    return {name: in_order(rows_of(db, name)) for name in FILLED}


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def test_every_value_is_kept_under_its_new_name(old_database: Database) -> None:
    migrations.upgrade(old_database, "0003")
    for table in FILLED:
        found = rows_of(old_database, NEW_NAMES.get(table, table))
        assert in_order(found) == in_order(expected(table)), table
        assert len(found) >= 2, table


def test_all_tables_are_filled_and_none_is_left_behind(old_database: Database) -> None:
    before = set(inspect(old_database.engine).get_table_names()) - {"alembic_version"}
    assert before == set(FILLED)
    migrations.upgrade(old_database, "0003")
    after = set(inspect(old_database.engine).get_table_names()) - {"alembic_version"}
    assert after == {NEW_NAMES.get(name, name) for name in FILLED}


def test_waiting_mails_can_be_read_by_their_types(old_database: Database) -> None:
    migrations.upgrade(old_database, "0003")
    for row in rows_of(old_database, "outgoing_mail"):
        MAIL_TYPES[row["kind"]].payload.from_json(row["payload"])


def test_ids_are_not_given_again(old_database: Database) -> None:
    migrations.upgrade(old_database, "0003")
    with old_database.engine.begin() as connection:
        connection.execute(insert(reflected(old_database, "subscribers")).values(new_subscriber()))
        connection.execute(insert(reflected(old_database, "outgoing_mail")).values(new_mail()))
        connection.execute(
            text(
                "INSERT INTO digests (cadence, status, subject, preheader, intro, created_at, provider_schedule) "
                "VALUES ('weekly', 'draft', '', '', '', '2026-05-02 07:00:00', false)"
            )
        )
    assert max(row["id"] for row in rows_of(old_database, "subscribers")) == 13
    assert max(row["id"] for row in rows_of(old_database, "outgoing_mail")) == 21
    assert max(row["id"] for row in rows_of(old_database, "digests")) == 10


def new_subscriber() -> Row:
    columns = NEW_COLUMNS["subscribers"]
    return {columns.get(name, name): value for name, value in subscriber(77, "active").items() if name != "id"}


def new_mail() -> Row:
    row = mail(0, "erased", {}, subscriber_id=None)
    return {name: value for name, value in row.items() if name != "id"}


WORDS = {
    "digests": ("status", "cadence", "paused_reason"),
    "subscribers": ("status", "cadence", "format", "unsubscribe_reason"),
    "suppressions": ("reason",),
    "unsuppressions": ("reason",),
    "one_time_links": ("purpose",),
    "editions": ("format",),
    "batches": ("state",),
    "events": ("kind",),
}
"""Columns that hold one of a few words."""


def test_a_word_that_does_not_exist_is_refused(old_database: Database) -> None:
    migrations.upgrade(old_database, "0003")
    for table, column in ((table, column) for table, columns in WORDS.items() for column in columns):
        with pytest.raises(IntegrityError), old_database.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = 'left'"))


def test_foreign_keys_hold_and_take_what_hangs_on_a_row(old_database: Database) -> None:
    migrations.upgrade(old_database, "0003")
    with old_database.engine.begin() as connection:
        connection.execute(text("DELETE FROM subscribers WHERE id = 2"))
        connection.execute(text("DELETE FROM digests WHERE id = 2"))
    for table in ("one_time_links", "refusals", "editions", "rendered_digests", "batches", "acceptance_proofs"):
        assert rows_of(old_database, table) == [], table
    assert {row["subscriber_id"] for row in rows_of(old_database, "outgoing_mail")} == {1, None}
    with pytest.raises(IntegrityError), old_database.engine.begin() as connection:
        connection.execute(text("UPDATE consents SET subscriber_id = 4711"))


def test_a_failure_leaves_the_database_as_it_was(old_database: Database) -> None:
    with old_database.engine.begin() as connection:
        # A word that was never written: a late step of the migration refuses it.
        connection.execute(text("UPDATE events SET kind = 'opened' WHERE id = 6"))
    before = snapshot(old_database)
    with pytest.raises(IntegrityError):
        migrations.upgrade(old_database, "0003")
    assert migrations.present(old_database) == "0002"
    assert snapshot(old_database) == before
    assert foreign_keys_are_on(old_database)
    with old_database.engine.begin() as connection:
        connection.execute(text("UPDATE events SET kind = 'dropped' WHERE id = 6"))
    assert migrations.upgrade(old_database, "0003") == "0003"
    assert foreign_keys_are_on(old_database)


def test_rows_that_belong_to_none_stop_the_upgrade_on_sqlite(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    upgrade_to(database, "0002")
    fill(database)
    with database.bare() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("UPDATE consents SET subscriber_id = 4711")
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    with pytest.raises(ConflictError):
        migrations.upgrade(database)
    assert migrations.present(database) == "0002"
    assert foreign_keys_are_on(database)
    database.dispose()


def test_foreign_keys_are_on_again_after_an_upgrade_that_could_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite: a writer that goes on for too long keeps the upgrade from beginning."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    upgrade_to(database, "0002")
    other = Database(database.url)
    with other.transaction() as session:
        session.execute(text("SELECT 1"))
        monkeypatch.setattr(engine, "_BUSY_TIMEOUT", 0.05)
        with pytest.raises(OperationalError, match="locked"):
            migrations.upgrade(database)
    assert foreign_keys_are_on(database)
    database.dispose()
    other.dispose()


def foreign_keys_are_on(db: Database) -> bool:
    """Whether the connection that the pool gives out next enforces foreign keys (PostgreSQL's always do)."""
    if not db.is_sqlite:
        return True
    with db.engine.connect() as connection:
        return bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one())
