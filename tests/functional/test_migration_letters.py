"""Migration 0022: frozen digests get the names of their letters, and the clock lists those that went out."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, text

from newsletter import migrations
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.delivery.letters import going_out, letter_list
from tests.functional.test_migration_columns import downgrade_to, filled, snapshot
from tests.functional.test_migration_standard_words import reflected, rows_of

__all__ = ["filled"]

OLD = """
INSERT INTO digests (id, cadence, status, subject, preheader, intro, created_at, provider_schedule, scheduled_at,
frozen_at)
VALUES (:id, :cadence, :status, '', '', '', '2026-05-01 07:00:00', false, :scheduled_at, :frozen_at)
"""
BATCH = """
INSERT INTO batches (digest_id, edition_id, state, attempt, withdrawing, failures, mailed_twice, first_id, last_id,
outcomes, recipients, created_at)
VALUES (:digest, :edition, 'done', 1, false, 0, false, 1, 2, :outcomes, :outcomes, '2026-05-01 07:00:00')
"""
FROZEN = "2026-06-02 22:00:01+00:00"


@pytest.fixture
def old(filled: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database at the revision before, with digests of one evening in Lisbon, where it is one hour later."""
    monkeypatch.setenv("TIMEZONE", "Europe/Lisbon")
    migrations.upgrade(filled, "0021")
    with filled.engine.begin() as connection:
        for digest_id, cadence, status, scheduled_at, frozen_at, outcomes in (
            (101, "weekly", "sent", "2026-06-02 22:00:00+00:00", FROZEN, b"aar"),
            (102, "weekly", "cancelled", "2026-06-02 22:30:00+00:00", FROZEN, b"ccc"),
            (103, "weekly", "sent", "2026-06-02 23:30:00+00:00", FROZEN, b"raw"),
            (104, "daily", "sending", None, FROZEN, b"www"),
            (105, "weekly", "draft", None, None, None),
        ):
            values = {"id": digest_id, "cadence": cadence, "status": status}
            connection.execute(text(OLD), {**values, "scheduled_at": scheduled_at, "frozen_at": frozen_at})
            if outcomes:
                edition = {"digest_id": digest_id, "mask": 1, "language": "en", "format": "html"}
                row = connection.execute(insert(reflected(filled, "editions")).values(edition))
                key = row.inserted_primary_key
                assert key is not None
                connection.execute(text(BATCH), {"digest": digest_id, "edition": key[0], "outcomes": outcomes})
    return filled


def test_frozen_digests_get_their_names(old: Database) -> None:
    before = snapshot(old)
    migrations.upgrade(old, "0022")
    found = {row["id"]: row for row in rows_of(old, "digests") if row["id"] > 100}
    assert {number: row["letter_name"] for number, row in found.items()} == {
        101: "2026-06-02-weekly",
        102: "2026-06-02-weekly-2",
        103: "2026-06-03-weekly",  # half past midnight in Lisbon
        104: "2026-06-02-daily",
        105: None,
    }
    downgrade_to(old, "0021")
    assert snapshot(old) == before


def test_the_clock_lists_those_that_went_out(old: Database) -> None:
    migrations.upgrade(old)
    with clock.set_to(datetime(2026, 6, 4, tzinfo=UTC)), old.transaction() as session:
        going_out.list_letters(session, going_out.accepted_and_unlisted(session), ZoneInfo("Europe/Lisbon"))
        assert going_out.accepted_and_unlisted(session) == []
        names = [letter.letter_name for letter in letter_list.letter_page(session, 10).letters]
    assert names == ["2026-06-03-weekly", "2026-06-02-weekly"]
