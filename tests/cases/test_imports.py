"""Lists from other services and spreadsheets: who agreed comes in, nobody else does, and no row is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.subscribers.models import Subscriber, SuppressionReason
from newsletter.subscribers.suppression import suppressions

CASES = Path(__file__).parent
ADA, BO, CY = "ada@example.org", "bo@example.org", "cy@example.org"


@pytest.fixture
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place outside DATA_DIR."""
    return tmp_path_factory.mktemp("files") / "result.csv"


def imported(app: Flask, case: str, result: Path, *options: str) -> Result:
    command = ["import", str(CASES / case), "--result", str(result), "--json", *options]
    return app.test_cli_runner().invoke(subscribers, command)


def readers(db: Database) -> set[str]:
    with db.reading() as session:
        return set(session.scalars(select(Subscriber.address)))


@pytest.mark.parametrize(
    ("case", "expected", "refused"),
    [
        ("import-left-elsewhere/brevo.csv", {ADA}, 1),
        ("import-left-elsewhere/buttondown.csv", {ADA}, 2),
        ("import-left-elsewhere/ghost.csv", {ADA}, 2),
        ("import-left-elsewhere/hubspot.csv", {ADA}, 1),
        ("import-left-elsewhere/wordpress-mailpoet.csv", {ADA}, 1),
        ("import-swallowed-rows/openquote.csv", {BO, CY}, 1),
        ("import-head-separator/comma-in-header.csv", {ADA}, 0),
        ("import-head-separator/sep-line.csv", {ADA}, 0),
        ("import-postal-address/mailchimp-default.csv", {ADA}, 0),
        ("import-encodings/utf16-tab.csv", {ADA}, 0),
        ("import-invisible/invisible.csv", {ADA, BO}, 0),
    ],
)
def test_who_agreed_comes_in_and_each_row_is_counted(
    app: Flask, db: Database, result: Path, case: str, expected: set[str], refused: int
) -> None:
    run = imported(app, case, result)
    counts = json.loads(run.stdout)
    assert readers(db) == expected
    assert (counts["imported"], counts["refused"]) == (len(expected), refused)
    assert run.exit_code == (1 if refused else 0)


def test_a_file_of_unsubscribed_people_is_refused_or_suppresses_them(
    app: Flask, db: Database, settings: Settings, result: Path
) -> None:
    case, gone = "import-left-elsewhere/mailchimp-unsub.csv", AddressKey("gone@example.org")
    refused = imported(app, case, result)
    assert refused.exit_code == 1
    assert "“UNSUB_TIME” stands in files of people who unsubscribed" in refused.stderr
    assert "--as-suppressions" in refused.stderr
    done = imported(app, case, result, "--as-suppressions")
    assert (done.exit_code, json.loads(done.stdout)["suppressed"]) == (0, 1)
    assert readers(db) == set()
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, gone) == SuppressionReason.UNSUBSCRIBED


def test_those_of_a_mixed_file_who_ended_elsewhere_can_be_suppressed(app: Flask, db: Database, result: Path) -> None:
    done = imported(app, "import-left-elsewhere/ghost.csv", result, "--as-suppressions")
    counts = json.loads(done.stdout)
    assert (counts["rows"], counts["imported"], counts["suppressed"], counts["refused"]) == (3, 1, 2, 0)
