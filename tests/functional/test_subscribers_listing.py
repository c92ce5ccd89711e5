"""`newsletter subscribers list|count`, and every preference in `show`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli.subscribers.reader import subscribers
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences

ADA, BO, CY = "ada@example.org", "bo@example.org", "cy@example.org"
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, db: Database) -> Run:
    law = Preferences("daily", ("Bücher", 'The "Law"'), 70, "No hype", True, 7, "Europe/Berlin", "text", "de")
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA, law), ImportedReader(BO), ImportedReader(CY)])
        session.flush()
        ada, _, cy = session.scalars(select(Subscriber).order_by(Subscriber.id))
        ada.paused_until = (clock.now() + timedelta(days=40)).date()
        cy.paused_until = (clock.now() - timedelta(days=40)).date()
        cy.status = SubscriberStatus.BOUNCED
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(subscribers, args)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", [ADA, BO, CY]),
        ("--status active", [ADA, BO]),
        ("--status active --status bounced", [ADA, BO, CY]),
        ("--cadence daily", [ADA]),
        ("--section Bücher", [ADA, BO, CY]),
        ("--section Policy", [BO, CY]),
        ("--section B_cher", [BO, CY]),
        ("--min-trust 70", [ADA]),
        ("--min-trust 71", []),
        ("--max-hype=No\xa0hype", []),
        ("--breaking", [ADA]),
        ("--no-breaking", [BO, CY]),
        ("--hour 7 --zone Europe/Berlin", [ADA]),
        ("--format text --language de", [ADA]),
        ("--paused", [ADA]),
        ("--not-paused", [BO, CY]),
        ("--not-paused --status active", [BO]),
    ],
)
def test_readers_are_listed_and_counted_by_status_and_preferences(run: Run, options: str, found: list[str]) -> None:
    listed = json.loads(run("list", "--json", *options.split(" ") if options else ()).stdout)
    assert [reader["address"] for reader in listed] == found
    counts = json.loads(run("count", "--json", *options.split(" ") if options else ()).stdout)
    assert counts.pop("readers") == sum(counts.values()) == len(found)


def test_a_section_and_a_label_of_several_words_are_found(run: Run) -> None:
    for options in (("--section", 'The "Law"', "--cadence", "daily"), ("--max-hype", "No hype")):
        assert [reader["address"] for reader in json.loads(run("list", "--json", *options).stdout)] == [ADA]


def test_words_mask_the_addresses_and_say_how_to_go_on(run: Run) -> None:
    words = run("list", "--limit", "2").stdout
    assert "a•••@example.org" in words
    assert "ada@" not in words
    assert "--after 2 goes on" in words
    rest = run("list", "--after", "2").stdout
    assert "c•••@example.org" in rest
    assert "goes on" not in rest
    assert run("list", "--min-trust", "99").stdout == "No reader is like that.\n"
    assert run("count").stdout.splitlines() == ["3 readers.", "STATUS   READERS", "active   2", "bounced  1"]
    assert run("count", "--min-trust", "99").stdout == "0 readers.\n"


def test_show_names_every_preference_and_the_pause(run: Run) -> None:
    words = run("show", ADA).stdout
    until = (clock.now() + timedelta(days=40)).date()
    for part in ("Daily", "Bücher", '"Law"', "70", "No hype", "Europe/Berlin", "Plain text", "German", f"{until}"):
        assert part in words
    assert "Breaking news: Yes" in words
    assert "Paused until: not paused" in run("show", BO).stdout
