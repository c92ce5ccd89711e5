"""`newsletter subscribers export`, and that its file can be imported again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import delete, select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.subscribers.files import csv_export
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_readers

Run = Callable[..., Result]
CONFIRMED = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
PICKY = Preferences(
    "daily", ("=Policy", "A; B", "Law"), 70, "+Low", breaking=True, hour=7, zone="UTC", format="text", language="de"
)
READERS = [
    ImportedReader("=cmd@example.org", PICKY, CONFIRMED),
    ImportedReader("ada@example.org", Preferences("monthly"), CONFIRMED),
    ImportedReader("info@bücher.example", Preferences(), CONFIRMED),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One hype label looks like a formula."""
    return replace(settings, hype_labels=(*settings.hype_labels, "+Low"))


@pytest.fixture
def run(app: Flask) -> Run:
    def run(*args: str) -> Result:
        result = app.test_cli_runner().invoke(subscribers, args)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result file, which must not lie in DATA_DIR."""
    return tmp_path_factory.mktemp("files") / "result.csv"


def everyone(db: Database) -> dict[str, tuple[Preferences, datetime | None]]:
    with db.reading() as session:
        return {one.address: (Preferences.of(one), one.confirmed_at) for one in session.scalars(select(Subscriber))}


def test_what_is_exported_comes_in_again_as_it_was(run: Run, db: Database, tmp_path: Path, result: Path) -> None:
    with db.transaction() as session:
        import_rows(session, READERS)
    before = everyone(db)
    path = tmp_path / "all.csv"
    assert json.loads(run("export", "--output", str(path), "--json").stdout) == {"readers": 3, "output": str(path)}
    with db.transaction() as session:
        session.execute(delete(Subscriber))
    assert json.loads(run("import", str(path), "--json", "--result", str(result)).stdout)["imported"] == 3
    assert everyone(db) == before
    assert before["=cmd@example.org"] == (PICKY, CONFIRMED)


def test_no_cell_is_a_formula(run: Run, db: Database) -> None:
    with db.transaction() as session:
        import_rows(session, READERS)
    head, first, *_ = csv.reader(run("export").stdout.splitlines())
    row = dict(zip(head, first, strict=True))
    assert (row["email"], row["max_hype"]) == ("'=cmd@example.org", "'+Low")
    assert row["sections"] == '\'=Policy;"A; B";Law'


def test_a_status_can_be_chosen_and_the_file_brings_back_no_unsubscribed_reader(
    run: Run, db: Database, tmp_path: Path, result: Path
) -> None:
    with db.transaction() as session:
        import_rows(session, READERS)
        session.scalars(
            select(Subscriber).where(Subscriber.address == "ada@example.org")
        ).one().status = SubscriberStatus.UNSUBSCRIBED
    assert "ada@" not in run("export", "--status", "active", "--status", "bounced").stdout
    assert run("export", "--status", "unsubscribed").stdout.count("\n") == 2
    path = tmp_path / "all.csv"
    path.write_text(run("export").stdout)
    with db.transaction() as session:
        session.execute(delete(Subscriber))
    assert json.loads(run("import", str(path), "--json", "--result", str(result)).stdout)["refused"] == 1
    assert "ada@example.org" not in everyone(db)


def test_many_come_page_by_page_each_once(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_export, "PAGE", 7)
    add_readers(db, 21)
    lines = run("export").stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "email",
        *(f"r{number}@readers.example" for number in range(1, 22)),
    ]


def test_a_page_is_found_by_ids_and_nothing_is_sorted(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page among many: else PostgreSQL rightly reads them all. It has no statistics of the table yet."""
    monkeypatch.setattr(csv_export, "PAGE", 500)
    add_readers(db, 20_000)
    with db.engine.connect() as connection:
        statement = csv_export.page_query(after_id=1000).compile(connection, compile_kwargs={"literal_binds": True})
        if db.is_sqlite:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            assert plan == ["SEARCH subscribers USING INTEGER PRIMARY KEY (rowid>?)"]
        else:
            plan = list(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())
            assert "Index Scan using pk_subscribers on subscribers" in plan[1]
            assert "Sort" not in "".join(plan)


def test_a_time_comes_out_in_utc_whatever_the_zone_of_the_connection(run: Run, db: Database) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org", Preferences(), CONFIRMED.replace(microsecond=250_000))])
        if not db.is_sqlite:
            zone = "ALTER ROLE CURRENT_USER SET timezone TO 'Asia/Kathmandu'"
            session.connection().exec_driver_sql(zone)
    db.dispose()
    try:
        assert run("export").stdout.endswith(",2025-03-01T09:30:00.250000+00:00\n")
    finally:
        if not db.is_sqlite:
            with db.transaction() as session:
                session.connection().exec_driver_sql("ALTER ROLE CURRENT_USER RESET timezone")


def test_a_file_is_for_its_owner_alone_and_there_only_when_whole(
    run: Run, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_readers(db, 2)
    path = tmp_path / "out" / "all.csv"
    path.parent.mkdir()
    path.write_text("what was there before")
    path.chmod(0o644)
    monkeypatch.setattr(csv_export.CsvWriter, "write", _full_disk)
    failed = run("export", "--output", str(path))
    assert (failed.exit_code, failed.stderr) == (1, f"Error: {path} cannot be written: No space left on device.\n")
    assert path.read_text() == "what was there before"
    monkeypatch.undo()
    run("export", "--output", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().count("\n") == 3
    assert list(path.parent.iterdir()) == [path]


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_is_not_there_is_one_sentence(run: Run, db: Database, tmp_path: Path) -> None:
    failed = run("export", "--output", str(tmp_path / "none" / "all.csv"))
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr.endswith("all.csv cannot be written: No such file or directory.\n")


def test_json_needs_a_file(run: Run, db: Database) -> None:
    assert run("export", "--json").exit_code == 2
