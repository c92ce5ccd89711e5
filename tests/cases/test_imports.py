"""Lists from other services and spreadsheets: who agreed comes in, nobody else does, and no row is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core.db import Database
from newsletter.subscribers.models import Subscriber

CASES = Path(__file__).parent
ADA, BO, CY = "ada@example.org", "bo@example.org", "cy@example.org"


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
    app: Flask, db: Database, tmp_path: Path, case: str, expected: set[str], refused: int
) -> None:
    run = imported(app, case, tmp_path / "result.csv")
    counts = json.loads(run.stdout)
    assert readers(db) == expected
    assert (counts["imported"], counts["refused"]) == (len(expected), refused)
    assert run.exit_code == (1 if refused else 0)


def test_nobody_of_a_file_of_unsubscribed_people_comes_in(app: Flask, db: Database, tmp_path: Path) -> None:
    run = imported(app, "import-left-elsewhere/mailchimp-unsub.csv", tmp_path / "result.csv")
    assert run.exit_code == 1
    assert readers(db) == set()
