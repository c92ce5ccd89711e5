"""A reader's choices: shown, changed, said in words."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core.db import Database
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.models import Status, Subscriber
from tests.factories import add_article


@pytest.fixture
def link(db: Database) -> str:
    """The preferences link of an active reader of two sections, one of which has no story any more."""
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    with db.transaction() as session:
        import_rows(session, [Reader("ada@example.org", Choices("daily", ("Law", "Policy"), 65))])
        return f"/preferences/{session.scalars(select(Subscriber.token)).one()}"


def chosen(db: Database) -> tuple[str, list[str] | None, int]:
    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
        return reader.cadence, reader.sections, reader.min_trust


def test_the_page_shows_what_was_chosen_and_a_masked_address(client: FlaskClient, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "a•••@example.org" in page.text
    assert "ada@" not in page.text
    assert 'value="daily" checked' in page.text
    assert 'value="Law" checked' in page.text
    assert 'value="Policy" checked' in page.text
    assert 'value="Research">' in page.text
    assert '<option value="65" selected>65</option>' in page.text


@pytest.mark.parametrize(
    ("typed", "kept", "words"),
    [
        (
            {"cadence": "monthly", "which": "all", "min_trust": "0"},
            ("monthly", None, 0),
            "the monthly letter, with stories from all sections.",
        ),
        (
            {"cadence": "weekly", "which": "only", "section": ["Research", "Law"], "min_trust": "90"},
            ("weekly", ["Law", "Research"], 90),
            "the weekly letter, with stories from Law and Research that have a trust score of 90 or more.",
        ),
    ],
)
def test_saving_says_what_it_means(
    client: FlaskClient, db: Database, link: str, typed: dict[str, str], kept: object, words: str
) -> None:
    page = client.post(link, data=typed)
    assert page.status_code == 200
    assert f"Saved. From now on you get {words}" in page.text
    assert chosen(db) == kept
    assert "Saved" not in client.get(link).text


@pytest.mark.parametrize(
    "typed",
    [
        {"cadence": "hourly"},
        {"cadence": "weekly", "min_trust": "1000"},
        {"cadence": "weekly", "which": "only"},
        {"cadence": "weekly", "which": "only", "section": "Sports"},
    ],
)
def test_what_cannot_be_taken_changes_nothing(
    client: FlaskClient, db: Database, link: str, typed: dict[str, str]
) -> None:
    page = client.post(link, data=typed)
    assert page.status_code == 422
    assert "One thing needs another look" in page.text
    assert chosen(db) == ("daily", ["Law", "Policy"], 65)


def test_another_site_cannot_change_them(client: FlaskClient, db: Database, link: str) -> None:
    answer = client.post(link, data={"cadence": "monthly"}, headers={"Sec-Fetch-Site": "same-site"})
    assert answer.status_code == 403
    assert chosen(db)[0] == "daily"


def test_whoever_gets_no_letter_has_nothing_to_choose(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber)).one().status = Status.LEFT
    assert "No letter goes to you" in client.get(link).text
    assert client.post(link, data={"cadence": "monthly"}).status_code == 409
    assert chosen(db)[0] == "daily"
