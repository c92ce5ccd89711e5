"""The page that explains trust: the rubric, its changes, stories side by side, the filter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter.articles import rubrics
from newsletter.articles.models import TrustPart
from newsletter.articles.rubric_parts import shipped_rubric
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from tests.functional.test_articles_page import PARTS, add, text_of

TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOW = tuple(TrustPart(part.key, points) for part, points in zip(PARTS, (8, 7, 5, 14, 7), strict=True))


def change_rubric(db: Database, effective_from: date) -> None:
    """Swap the points of the first two parts."""
    parts = list(shipped_rubric()[1])
    parts[:2] = [replace(parts[0], most=25), replace(parts[1], most=30)]
    with db.transaction() as session, clock.set_to(TODAY):
        rubrics.set_rubric(session, parts, effective_from=effective_from, today=TODAY.date())


def test_the_shipped_rubric(client: FlaskClient, db: Database) -> None:
    shown = text_of(client.get("/trust").text)
    for words in (
        "Rubric 1, in force since 1 February 2026",
        "5 parts that add up",
        "Independent sources 30 How many outlets or people found it out for themselves, not from each other. Full",
        "Trust 100",
        "It is not a vote and not made by a program.",
    ):
        assert words in shown
    for gone in ("scored", "Letters leave out", "Trust in the last", "Other rubrics"):
        assert gone not in shown
    assert "below 60 is low, 60 to 79 is fair, 80 and more is high" in client.get("/trust").text


def test_stories_side_by_side_one_of_each_grade(client: FlaskClient, db: Database) -> None:
    add(db, title="An older fair one", trust_parts=PARTS, date=date(2026, 4, 1))
    add(db, title="A fair one", trust_parts=PARTS)
    add(db, title="A low one", trust=41, trust_parts=LOW)
    add(db, title="Without parts", trust=90)
    page = client.get("/trust").text
    shown = text_of(page)
    assert "2 stories, scored" in shown
    assert shown.index("A fair one") < shown.index("A low one")
    assert "Independent sources 12 of 30 8 of 30" in shown
    assert "Trust 69 fair 41 low" in shown
    assert "An older fair one" not in shown
    assert "Without parts" not in shown
    assert "Trust in the last 4 stories: 1 high, 2 fair, 1 low." in shown


@pytest.mark.parametrize(("least", "is_told"), [(0, False), (50, True)])
def test_the_filter_that_the_disclaimer_promises(app: Flask, db: Database, least: int, is_told: bool) -> None:
    found = runtime_of(app)
    replace(found, settings=replace(found.settings, min_trust=least)).install(app)
    shown = text_of(app.test_client().get("/trust").text)
    assert ("Letters leave out stories with less than 50 of 100" in shown) == is_told


def test_a_changed_rubric_is_dated_and_the_old_one_stays(client: FlaskClient, db: Database) -> None:
    add(db, trust_parts=PARTS)
    change_rubric(db, TODAY.date())
    with clock.set_to(TODAY + timedelta(hours=1)):
        now, before = text_of(client.get("/trust").text), text_of(client.get("/trust?rubric=1").text)
    assert "Rubric 2, in force since 1 June 2026" in now
    assert "Independent sources 25" in now
    assert "Rubric 1, since 1 February 2026" in now
    assert "12 of 25" not in now
    assert "Rubric 1 of 1 February 2026, no longer in force" in before
    assert "12 of 30" in before


def test_a_rubric_of_the_future_is_announced_and_counts_from_its_day_on(client: FlaskClient, db: Database) -> None:
    change_rubric(db, TODAY.date() + timedelta(days=2))
    with clock.set_to(TODAY):
        assert "Rubric 1, in force since" in text_of(client.get("/trust").text)
        assert "Rubric 2, in force from 3 June 2026 on" in text_of(client.get("/trust?rubric=2").text)
    with clock.set_to(TODAY + timedelta(days=2)):
        assert "Rubric 2, in force since 3 June 2026" in text_of(client.get("/trust").text)


@pytest.mark.parametrize("number", ["0", "2", "x", "1 ", "-1", ""])
def test_a_rubric_that_is_not_there_is_a_404(client: FlaskClient, db: Database, number: str) -> None:
    assert client.get(f"/trust?rubric={number}").status_code == 404
