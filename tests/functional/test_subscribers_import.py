"""`newsletter subscribers import`, through the command line's own door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from newsletter.cli.subscribers import subscribers
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.importing import CHUNK, Reader, import_rows
from newsletter.subscribers.models import Status, Subscriber
from tests import factories

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, db: Database, tmp_path: Path) -> Run:
    """Writes a file and imports it."""

    def run(content: str | bytes, *options: str) -> Result:
        path = tmp_path / "readers.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        result = app.test_cli_runner().invoke(subscribers, ["import", str(path), *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def readers(db: Database) -> dict[str, tuple[str, str]]:
    with db.reading() as session:
        return {reader.address: (reader.status, reader.cadence) for reader in session.scalars(select(Subscriber))}


def test_readers_come_in_active_with_their_choices(run: Run, db: Database) -> None:
    result = run(
        "email,cadence,sections,min_trust,confirmed_at\n"
        "Ada@Example.org,daily,Policy;Research,70,2025-01-02\n"
        "info@bücher.example,,,,\n",
        "--json",
        "--cadence",
        "monthly",
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"imported": 2, "unchanged": 0, "refused": []}
    with db.reading() as session:
        ada, info = session.scalars(select(Subscriber).order_by(Subscriber.id))
        assert (ada.address, ada.address_key, ada.status) == ("Ada@example.org", "ada@example.org", Status.ACTIVE)
        assert (ada.cadence, ada.sections, ada.min_trust) == ("daily", ["Policy", "Research"], 70)
        assert ada.confirmed_at is not None
        assert ada.confirmed_at.year == 2025
        assert (info.address_key, info.cadence, info.sections) == ("info@xn--bcher-kva.example", "monthly", None)
        assert info.confirmed_at is not None
        assert len({ada.token, info.token}) == 2


def test_a_second_time_changes_nothing(run: Run, db: Database) -> None:
    file = "email,cadence\na@example.org,daily\nA@EXAMPLE.ORG,monthly\n"
    assert json.loads(run(file, "--json").stdout) == {"imported": 1, "unchanged": 1, "refused": []}
    assert json.loads(run(file, "--json").stdout) == {"imported": 0, "unchanged": 2, "refused": []}
    assert readers(db) == {"a@example.org": (Status.ACTIVE, "daily")}


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.LEFT, Status.BOUNCED, Status.COMPLAINED])
def test_nobody_is_brought_back(run: Run, db: Database, status: Status) -> None:
    with db.transaction() as session:
        import_rows(session, [Reader("a@example.org")])
        session.scalars(select(Subscriber)).one().status = status
    result = run("email,cadence\na@example.org,daily\n", "--json")
    assert json.loads(result.stdout) == {"imported": 0, "unchanged": 1, "refused": []}
    assert readers(db) == {"a@example.org": (status, "weekly")}


def test_one_who_was_pending_is_confirmed_and_keeps_the_choices_made_here(
    run: Run, db: Database, settings: Settings
) -> None:
    with db.transaction() as session:
        factories.sign_up(session, settings, "a@example.org", Choices("monthly"))
    assert json.loads(run("email,cadence\na@example.org,daily\n", "--json").stdout)["imported"] == 1
    assert readers(db) == {"a@example.org": (Status.ACTIVE, "monthly")}


def test_refused_rows_are_reported_and_the_others_kept(run: Run, db: Database) -> None:
    result = run("email,min_trust\na@example.org,70\nnobody,\nb@example.org,700\n", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "imported": 1,
        "unchanged": 0,
        "refused": [
            {"row": 3, "reason": "This is not a mail address that we can write to. Check it for a typing mistake."},
            {"row": 4, "reason": "The lowest trust score is a number from 0 to 100."},
        ],
    }
    words = run("email\na@example.org\nnobody\n")
    assert words.exit_code == 1
    assert words.stdout.startswith("Row 3: This is not a mail address")
    assert words.stdout.endswith("0 imported, 1 unchanged, 1 refused.\n")


@pytest.mark.parametrize("content", [b"", b"name\nAda\n", b"\xff\xfee\x00m\x00", b"PK\x03\x04zip"])
def test_a_file_that_is_no_list_of_readers_is_one_sentence(run: Run, db: Database, content: bytes) -> None:
    result = run(content, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "readers.csv: The first row must name the columns, and one of them must be email." in result.stderr
    assert readers(db) == {}


def test_a_file_that_is_not_there_is_wrong_usage(app: Flask, db: Database) -> None:
    assert app.test_cli_runner().invoke(subscribers, ["import", "no-such-file.csv"]).exit_code == 2


def test_many_rows_come_in_chunks(run: Run, db: Database) -> None:
    count = 2 * CHUNK + 1
    result = run("email\n" + "".join(f"r{number}@readers.example\n" for number in range(count)), "--json")
    assert json.loads(result.stdout) == {"imported": count, "unchanged": 0, "refused": []}
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == count
