"""The front page and the sign-up page: what they say, with stories and without, and what they weigh."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from newsletter.core.db import Database
from tests.factories import add_article

LONG = "Regulators in eleven countries agree on words for the training data of large models, and on who may check them"


def test_with_nothing_in_it(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "No story is out yet" in page
    assert "Which sections" not in page  # there is none to choose yet
    assert ">Send me the confirmation mail</button>" in page


def test_it_lists_the_latest_stories_and_offers_their_sections(client: FlaskClient, db: Database) -> None:
    for number in range(7):
        add_article(db, f"Story number {number}", section="Policy" if number else "Research & more")
    page = client.get("/").text
    assert len(re.findall(r'href="/articles/story-number-\d"', page)) == 5
    assert 'value="Research &amp; more"' in page
    assert '<a href="/articles">All stories</a>' in page


def test_nothing_is_chosen_for_a_reader_but_weekly_and_all(client: FlaskClient, db: Database) -> None:
    add_article(db, "Story")
    for path in ("/", "/subscribe"):
        checked = re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', client.get(path).text)
        assert checked == [("cadence", "weekly"), ("which", "all")]


def test_the_sign_up_page_weighs_under_40_kb_with_its_stylesheet(client: FlaskClient, db: Database) -> None:
    for number in range(5):
        add_article(db, f"{number} {LONG}")
    page = client.get("/")
    assets = re.findall(r'href="(/assets/[^"]+)"', page.text)
    assert len(assets) == 2
    assert len(page.data) + sum(len(client.get(asset).data) for asset in assets) < 40_000


def test_the_stylesheet_is_kept_for_a_year_under_its_own_version_only(client: FlaskClient) -> None:
    [address] = re.findall(r'href="(/assets/[^"]+\.css)"', client.get("/").text)
    answer = client.get(address)
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    old = client.get("/assets/000000000000/dispatch.css")
    assert old.data == answer.data
    assert "immutable" not in old.headers["Cache-Control"]
    for path in ("/assets/x/nothing.css", "/assets/x/..%2f__init__.py", "/assets/x/../guards.py", "/assets/x/%00"):
        assert client.get(path).status_code == 404
