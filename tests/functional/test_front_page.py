"""The front page and the sign-up page: their words, with stories and without, and their weight."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.articles.revising import revise, withdraw
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.digests import queries
from newsletter.public_record.tallies import tally_digest
from newsletter.subscribers.models import SignupRequest
from newsletter.web.forms import form_tokens
from tests.factories import add_article, add_readers, hand_over, send_digest

LONG = "Regulators in eleven countries agree on words for the training data of large models, and on who may check them"


def test_with_nothing_in_it(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "No letter has been sent yet." in page
    assert "No story is out yet" in page
    assert ">Send me the confirmation email</button>" in page
    assert "Which sections" not in client.get("/subscribe").text  # there is none to choose yet


def test_it_lists_the_newest_story_of_each_section_and_then_others(client: FlaskClient, db: Database) -> None:
    for number in range(9):
        add_article(db, f"Story number {number}", section="Research & more" if number == 1 else "Policy")
    page = client.get("/").text
    shown = re.findall(r'href="/articles/story-number-(\d)"', page)
    assert shown == ["8", "7", "6", "5", "4", "1"]
    assert '<a href="/articles">All stories</a>' in page
    assert 'value="Research &amp; more"' in client.get("/subscribe").text


def test_the_first_story_has_its_main_points(client: FlaskClient, db: Database) -> None:
    add_article(db, "One")
    add_article(db, "Two")
    page = client.get("/").text
    assert page.count("Elon Musk testified in a California federal courtroom") == 1
    assert page.index("Two</a>") < page.index("Elon Musk testified") < page.index("One</a>")


def test_a_story_of_low_trust_is_not_the_first_unless_all_are(client: FlaskClient, db: Database) -> None:
    for number, trust in enumerate((70, 40, 59, 30)):
        add_article(db, f"Story number {number}", trust=trust)
    pattern = r'href="/articles/story-number-(\d)"'
    assert re.findall(pattern, client.get("/").text) == ["0", "3", "2", "1"]
    with db.transaction() as session:
        revise(session, "story-number-0", {"trust": 59})
    assert re.findall(pattern, client.get("/").text) == ["3", "2", "1", "0"]


def test_only_the_language_weekly_and_all_sections_are_preset(client: FlaskClient, db: Database) -> None:
    add_article(db, "Story")
    presets = [("language", "en"), ("cadence", "weekly"), ("which", "all")]
    for path, preset in (("/", presets[1:2]), ("/subscribe", presets)):
        assert re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', client.get(path).text) == preset


@pytest.mark.parametrize(
    ("changes", "language", "words"),
    [
        ({}, "en", ["Daily", "Weekly", "Monthly"]),
        (
            {"daily_digest_days": "weekdays", "weekly_digest_day": "thursday", "monthly_digest_day": 1},
            "en",
            ["Daily, Monday to Friday", "Weekly, on Thursday", "Monthly, on the first"],
        ),
        (
            {"daily_digest_days": "all", "weekly_digest_day": "sunday", "monthly_digest_day": 15},
            "de",
            ["Täglich, auch am Wochenende", "Wöchentlich, am Sonntag", "Monatlich, am 15."],
        ),
    ],
)
def test_days_of_letters_are_named_where_a_setting_does(
    app: Flask, settings: Settings, changes: dict[str, Any], language: str, words: list[str]
) -> None:
    runtime = runtime_of(app)
    replace(runtime, settings=replace(settings, **changes)).install(app)
    for path in ("/", "/subscribe"):
        page = app.test_client().get(f"{path}?language={language}").text
        assert re.findall(r'name="cadence"[^>]*> ([^<]+)<', page) == words


def test_the_sign_up_of_the_front_page_takes_the_page_s_language(
    app: Flask, client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_tokens, "FASTEST", timedelta(0))
    monkeypatch.setattr(runtime_of(app).queues, "enqueue_mails", lambda: None)
    page = client.get("/?language=de").text
    action, token = (
        re.findall(pattern, page)[0] for pattern in (r'action="([^"]+)"', r'name="form_token" value="([^"]+)"')
    )
    answer = client.post(unescape(action), data={"form_token": token, "email": "ada@example.org", "cadence": "daily"})
    assert answer.status_code == 200
    with db.reading() as session:
        request = session.scalars(select(SignupRequest)).one()
    assert (request.page, request.preferences["language"], request.preferences["cadence"]) == ("/", "de", "daily")


def test_corrections_of_this_week_are_mentioned(client: FlaskClient, db: Database) -> None:
    slugs = [add_article(db, f"Story number {number}") for number in range(3)]
    for age, slug in zip((8, 6, 0), slugs, strict=True):
        with clock.set_to(clock.now() - timedelta(days=age)), db.transaction() as session:
            change = Change(RevisionKind.CORRECTION, note=f"It is {age}, not 36.")
            revise(session, slug, {"title": f"Corrected {slug}"}, change)
    page = client.get("/").text
    assert "Corrected this week" in page
    assert re.findall(r"It is (\d), not 36\.", page) == ["0", "6"]


@pytest.mark.parametrize(("path", "files", "most"), [("/", 3, 50_000), ("/subscribe", 2, 40_000)])
@pytest.mark.parametrize("with_a_letter", [False, True])
def test_front_and_sign_up_are_light_with_all_that_they_load(
    client: FlaskClient, db: Database, settings: Settings, with_a_letter: bool, path: str, files: int, most: int
) -> None:
    for number in range(15):
        add_article(db, f"{number} {LONG}", section=f"Section {number}")
    if with_a_letter:
        add_readers(db, 1)
        hand_over(db, settings)
    page = client.get(path)
    assert "<script" not in page.text
    assets = re.findall(r'href="(/assets/[^"]+)"', page.text)
    assert len(assets) == files
    assert len(page.data) + sum(len(client.get(asset).data) for asset in assets) < most


def test_the_stylesheet_is_kept_for_a_year_under_its_own_version_only(client: FlaskClient) -> None:
    address, _public = re.findall(r'href="(/assets/[^"]+\.css)"', client.get("/").text)
    answer = client.get(address)
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    old = client.get("/assets/000000000000/base.css")
    assert old.data == answer.data
    assert "immutable" not in old.headers["Cache-Control"]
    for path in ("/assets/x/nothing.css", "/assets/x/..%2f__init__.py", "/assets/x/../guards.py", "/assets/x/%00"):
        assert client.get(path).status_code == 404


# The last letter


@pytest.fixture
def sent(db: Database, settings: Settings) -> int:
    """A letter of seven stories that went out."""
    for number in range(7):
        add_article(db, f"Story number {number}")
    add_readers(db, 1)
    return hand_over(db, settings)


def test_the_front_page_shows_the_last_digest(client: FlaskClient, sent: int) -> None:
    page = client.get("/").text
    assert "<b>Weekly letter</b> · " in page
    assert "7 stories" in page
    contents = page[page.index('class="contents"') : page.index("Latest stories")]
    assert len(re.findall(r'href="/articles/story-number-\d"', contents)) == 7
    assert len(re.findall(r'href="/letters/\d{4}-\d\d-\d\d-weekly"', page)) == 2


def test_without_a_digest_it_says_so(client: FlaskClient, db: Database, settings: Settings) -> None:
    assert "No letter has been sent yet.</p>" in client.get("/").text
    add_article(db, "A story")
    add_readers(db, 1)
    send_digest(db, settings)  # on its way, not sent
    assert "No letter has been sent yet. The first one will pick" in client.get("/").text
    answer = client.get("/sample")
    assert answer.status_code == 404
    assert "No letter has been sent yet" in answer.text


def test_the_sample_is_the_page_of_the_last_letter(client: FlaskClient, sent: int) -> None:
    [letter] = set(re.findall(r'href="(/letters/[^"?]+)"', client.get("/").text))
    for path, location in (("/sample", letter), ("/sample?language=de", f"{letter}?language=de")):
        answer = client.get(path, headers={"X-Forwarded-Host": "evil.example"})
        assert (answer.status_code, answer.location) == (302, location)
        assert "public" not in answer.headers["Cache-Control"], "tomorrow it is another"
    assert client.get(letter).status_code == 200


def test_older_digests_and_breaking_news_are_no_sample(
    client: FlaskClient, db: Database, settings: Settings, sent: int
) -> None:
    with clock.set_to(clock.now() + timedelta(days=7)):
        add_article(db, "The newest story")
        newest = hand_over(db, settings)
    with clock.set_to(clock.now() + timedelta(days=8)):
        breaking = hand_over(db, settings)
    with db.transaction() as session:
        queries.get_digest(session, breaking).cadence = Cadence.BREAKING
        queries.get_digest(session, newest).subject = "The newest letter"
    assert "The newest letter" in client.get("/").text


def test_the_page_for_other_sites_has_a_snippet_to_copy(client: FlaskClient) -> None:
    page = client.get("/embed", headers={"X-Forwarded-Host": "evil.example"}).text
    copied = unescape(re.search(r"<code>(.*?)</code>", page, re.DOTALL)[1])  # type: ignore[index]
    assert copied.startswith('<form action="https://letters.example.org/subscribe" method="post">')
    assert "evil" not in page
    for forbidden in ("<script", "<iframe", "style=", "http://"):
        assert forbidden not in copied
    html5lib.HTMLParser(strict=True).parseFragment(copied)


def test_it_says_to_how_many_the_last_letter_was_sent(
    app: Flask, client: FlaskClient, db: Database, settings: Settings
) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    digest_id = hand_over(db, settings)
    assert "sent to" not in client.get("/").text, "nobody counted yet"
    with db.transaction() as session:
        tally_digest(session, settings, digest_id)
    assert '<span class="whole">sent to 3 readers</span>' in client.get("/").text
    assert "an 3 Personen verschickt" in client.get("/?language=de").text
    with clock.set_to(clock.now() - timedelta(hours=1)), db.transaction() as session:
        tally_digest(session, settings, digest_id)
    assert "sent to" not in client.get("/").text, "counted while it was being sent"


def test_what_became_of_the_last_letter_s_stories_stands_there(client: FlaskClient, db: Database, sent: int) -> None:
    with db.transaction() as session:
        change = Change(RevisionKind.CORRECTION, note="It is 38, not 36.")
        revise(session, "story-number-5", {"dek": "Right."}, change)
        withdraw(session, "story-number-4", "It was made up.")
    page = client.get("/").text
    contents = page[page.index('class="contents"') : page.index("</section>", page.index('class="contents"'))]
    marked = re.findall(r'href="/articles/story-number-(\d)/revisions"><b>([^<]+)<', contents)
    assert marked == [("5", "corrected since"), ("4", "withdrawn since")]
    assert "story-number-4" not in page[page.index("Latest stories") :]
