"""Migrations that add tables and columns, on filled tables: all values are kept, and ids are not given again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from alembic import command
from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import IntegrityError

from newsletter import migrations
from newsletter.core.db import Database
from tests.functional.test_migration_standard_words import Row, fill, in_order, reflected, revision, rows_of, upgrade_to


class Addition(NamedTuple):
    """What a migration adds: empty tables, and columns with the value that present rows get."""

    number: str
    columns: dict[str, Row]
    tables: frozenset[str] = frozenset()

    @property
    def before(self) -> str:
        """The revision before it."""
        return f"{int(self.number) - 1:04}"


REPORTS = Addition("0005", {"events": {"withdrawn_at": None}}, frozenset({"stored_reports"}))
LEAD = Addition("0009", {"digests": {"lead_id": None, "min_trust": 0, "intro_with_lead": False, "written_for": None}})
LANGUAGE = Addition("0010", {"revisions": {"language": "en"}})
FIRST_REVISION: Row = {
    "kind": "first",
    "published_at": datetime(2026, 5, 2, tzinfo=UTC),
    "published_at_basis": "page_date",
    "serious": False,
    "markup": "text",
    **dict.fromkeys(("note", "reported_at", "trust_parts", "rubric_id")),
    **dict.fromkeys(("written_by", "checked_by", "ai_use"), ""),
}
KINDS = Addition("0015", {"articles": {"url": None}, "revisions": FIRST_REVISION}, frozenset({"rubrics"}))


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database whose tables were filled at revision 0002."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    if request.param == "postgresql":
        base, _, name = request.getfixturevalue("postgres_url").rpartition("/")
        url = f"{base}/{name}_filled"
        with psycopg.connect(f"{base}/{name}", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}_filled"')
            connection.execute(f'CREATE DATABASE "{name}_filled"')
    db = Database(url)
    upgrade_to(db, "0002")
    fill(db)
    yield db
    db.dispose()


def snapshot(db: Database) -> dict[str, list[Row]]:
    tables = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
    return {table: in_order(rows_of(db, table)) for table in tables}


def downgrade_to(db: Database, number: str) -> None:
    with migrations._one_transaction(db) as connection:
        config = migrations.config()
        config.attributes["connection"] = connection
        command.downgrade(config, number)


@pytest.mark.parametrize("addition", [REPORTS, LEAD, LANGUAGE, KINDS], ids=lambda addition: addition.number)
def test_every_row_is_kept_there_and_back(filled: Database, addition: Addition) -> None:
    migrations.upgrade(filled, addition.before)
    before = snapshot(filled)
    migrations.upgrade(filled, addition.number)
    after = snapshot(filled)
    assert {table for table in after if table not in before} == addition.tables
    assert all(before[table] for table in addition.columns)
    for table, rows in before.items():
        assert after[table] == in_order([row | addition.columns.get(table, {}) for row in rows]), table
    assert all(after[table] == [] for table in addition.tables)
    downgrade_to(filled, addition.before)
    assert snapshot(filled) == before


@pytest.mark.parametrize("addition", [REPORTS, LEAD], ids=lambda addition: addition.number)
def test_an_id_that_a_deleted_digest_had_is_not_given_again(filled: Database, addition: Addition) -> None:
    """Number 9 was deleted before the upgrade."""
    migrations.upgrade(filled, addition.number)
    with filled.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO digests (cadence, status, subject, preheader, intro, created_at, provider_schedule) "
                "VALUES ('weekly', 'draft', '', '', '', '2026-05-02 07:00:00', false)"
            )
        )
    assert max(row["id"] for row in rows_of(filled, "digests")) == 10


REPORT = (
    "INSERT INTO stored_reports (subscriber_id, kind, dedupe_key, received_at, content) "
    "VALUES ({reader}, '{kind}', 'digest 2', '2026-05-02 07:00:00+00:00', '')"
)


def test_a_report_belongs_to_a_reader_and_goes_with_them(filled: Database) -> None:
    migrations.upgrade(filled, REPORTS.number)
    with filled.engine.begin() as connection:
        connection.execute(text(REPORT.format(reader=4, kind="bounced")))
        connection.execute(text(REPORT.format(reader=5, kind="complained")))
    for reader, kind in ((4, "bounced"), (4711, "bounced"), (5, "opened")):  # a second one, nobody's, no such word
        with pytest.raises(IntegrityError), filled.engine.begin() as connection:
            connection.execute(text(REPORT.format(reader=reader, kind=kind)))
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE events SET withdrawn_at = '2026-05-03 07:00:00+00:00' WHERE id = 1"))
        connection.execute(text("DELETE FROM subscribers WHERE id = 4"))
    assert [row["subscriber_id"] for row in rows_of(filled, "stored_reports")] == [5]


def test_refusals_about_a_mailbox_are_found_by_their_index(filled: Database) -> None:
    migrations.upgrade(filled, REPORTS.number)
    indexes = {index["name"]: index["column_names"] for index in inspect(filled.engine).get_indexes("refusals")}
    assert indexes["ix_refusals_mailbox"] == ["subscriber_id"]


def test_a_lead_must_be_an_article(filled: Database) -> None:
    migrations.upgrade(filled, LEAD.number)
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE digests SET lead_id = 2 WHERE id = 2"))
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.execute(text("UPDATE digests SET lead_id = 4711 WHERE id = 2"))


def test_later_revisions_are_small_changes_of_the_time_of_their_import(filled: Database) -> None:
    migrations.upgrade(filled, KINDS.before)
    imported = datetime(2026, 5, 4, 9, 30, 1, 234567, tzinfo=UTC)
    later = {"number": 2, "is_current": True, "created_at": imported, "date": date(2026, 5, 3), "language": "en"}
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE revisions SET is_current = false WHERE article_id = 2"))
        connection.execute(insert(reflected(filled, "revisions")).values(revision(7, 2) | later))
    migrations.upgrade(filled, KINDS.number)
    found = {row["id"]: row for row in rows_of(filled, "revisions")}
    said = {number: (row["kind"], row["published_at"], row["published_at_basis"]) for number, row in found.items()}
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    assert said == {
        1: ("first", midnight, "page_date"),
        2: ("first", midnight, "page_date"),
        7: ("small", imported, "import"),
    }


def test_what_was_corrected_is_known_from_then_on(filled: Database) -> None:
    migrations.upgrade(filled, "0028")
    states = (("correction", "A sentence."), ("small", None), ("small", None))
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE revisions SET is_current = false WHERE article_id = 2"))
        for number, (kind, note) in enumerate(states, 2):
            own = {"number": number, "kind": kind, "note": note, "is_current": number == 4, "language": "en"}
            row = revision(number + 5, 2) | FIRST_REVISION | own
            connection.execute(insert(reflected(filled, "revisions")).values(row))
    migrations.upgrade(filled, "0029")
    was_corrected = {row["id"]: bool(row["was_corrected"]) for row in rows_of(filled, "revisions")}
    assert was_corrected == {1: False, 2: False, 7: True, 8: True, 9: True}


WRONG_REVISIONS = (
    "kind = 'first' WHERE id = 7",
    "kind = 'small' WHERE id = 1",
    "kind = 'opened' WHERE id = 7",
    "kind = 'correction' WHERE id = 7",  # without a sentence
    "note = 'A sentence.' WHERE id = 7",
    "kind = 'update', note = 'A sentence.', serious = true WHERE id = 7",
    "markup = 'html' WHERE id = 7",
    "published_at_basis = 'guess' WHERE id = 7",
    "published_at = NULL WHERE id = 7",
    "rubric_id = 4711 WHERE id = 7",
    "trust = 101 WHERE id = 7",
    "number = 1 WHERE id = 7",
    "is_current = true WHERE id = 2",
)


def test_what_no_revision_can_be_is_refused(filled: Database) -> None:
    """The constraints and indexes of before hold too: SQLite made the table anew."""
    migrations.upgrade(filled, KINDS.number)
    later = {"number": 2, "kind": "small", "article_id": 2, "language": "en"}
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE revisions SET is_current = false WHERE id = 2"))
        connection.execute(insert(reflected(filled, "revisions")).values(revision(7, 2) | FIRST_REVISION | later))
        connection.execute(
            text("UPDATE revisions SET kind = 'correction', note = 'A sentence.', serious = true WHERE id = 7")
        )
        connection.execute(text("UPDATE revisions SET kind = 'small', note = NULL, serious = false WHERE id = 7"))
    for wrong in WRONG_REVISIONS:
        with pytest.raises(IntegrityError), filled.engine.begin() as connection:
            connection.execute(text(f"UPDATE revisions SET {wrong}"))
    before = {index["name"] for index in inspect(filled.engine).get_indexes("revisions")}
    assert {"ix_revisions_current", "ix_revisions_list", "ix_revisions_title"} <= before


def test_places_in_digests_get_the_articles_of_their_revisions(filled: Database) -> None:
    migrations.upgrade(filled, "0031")
    with filled.engine.begin() as connection:
        connection.execute(text("UPDATE revisions SET is_current = false WHERE article_id = 2"))
        later = FIRST_REVISION | {"number": 2, "language": "en", "kind": "small"}
        connection.execute(insert(reflected(filled, "revisions")).values(revision(7, 2) | later))
        place = {"id": 3, "digest_id": 2, "position": 2, "revision_id": 7}
        connection.execute(insert(reflected(filled, "digest_articles")).values(place))
    before = snapshot(filled)
    migrations.upgrade(filled, "0032")
    found = {row["revision_id"]: row["article_id"] for row in rows_of(filled, "digest_articles")}
    assert found == {1: 1, 2: 2, 7: 2}
    indexes = {index["name"]: index["column_names"] for index in inspect(filled.engine).get_indexes("digest_articles")}
    assert indexes["ix_digest_articles_article"] == ["article_id", "digest_id"]
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.execute(text("UPDATE digest_articles SET article_id = 4711"))
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.execute(text("UPDATE digest_articles SET article_id = NULL"))
    downgrade_to(filled, "0031")
    assert snapshot(filled) == before
