"""The front page and the sign-up page: their words, with stories and without, and their weight."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import html5lib
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.digests import queries
from newsletter.digests.rendering import RenderedDigest
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_readers, hand_over, send_digest

LONG = "Regulators in eleven countries agree on words for the training data of large models, and on who may check them"


def test_with_nothing_in_it(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "No story is out yet" in page
    assert "Which sections" not in page  # there is none to choose yet
    assert ">Send me the confirmation email</button>" in page


def test_it_lists_the_latest_stories_and_offers_their_sections(client: FlaskClient, db: Database) -> None:
    for number in range(7):
        add_article(db, f"Story number {number}", section="Policy" if number else "Research & more")
    page = client.get("/").text
    assert len(re.findall(r'href="/articles/story-number-\d"', page)) == 5
    assert 'value="Research &amp; more"' in page
    assert '<a href="/articles">All stories</a>' in page


def test_only_the_language_weekly_and_all_sections_are_preset(client: FlaskClient, db: Database) -> None:
    add_article(db, "Story")
    for path in ("/", "/subscribe"):
        checked = re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', client.get(path).text)
        assert checked == [("language", "en"), ("cadence", "weekly"), ("which", "all")]


@pytest.mark.parametrize("with_a_letter", [False, True])
def test_the_sign_up_page_weighs_under_40_kb_with_its_stylesheet(
    client: FlaskClient, db: Database, settings: Settings, with_a_letter: bool
) -> None:
    for number in range(15):
        add_article(db, f"{number} {LONG}", section=f"Section {number}")
    if with_a_letter:
        add_readers(db, 1)
        hand_over(db, settings)
    page = client.get("/")
    assert "<script" not in page.text
    assets = re.findall(r'href="(/assets/[^"]+)"', page.text)
    assert len(assets) == 3
    assert len(page.data) + sum(len(client.get(asset).data) for asset in assets) < 40_000


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


# The last letter, as a sample


@pytest.fixture
def sent(db: Database, settings: Settings) -> int:
    """A letter of seven stories that went out."""
    for number in range(7):
        add_article(db, f"Story number {number}")
    add_readers(db, 1)
    return hand_over(db, settings)


def test_the_front_page_shows_the_last_digest(client: FlaskClient, sent: int) -> None:
    page = client.get("/").text
    assert "The last letter" in page
    assert "Weekly letter · " in page
    assert "7 stories" in page
    assert len(re.findall(r'href="/articles/story-number-\d"', page)) == 3
    assert page.count('href="/sample"') == 2


def test_without_a_digest_it_says_so(client: FlaskClient, db: Database, settings: Settings) -> None:
    assert "The last letter" not in client.get("/").text
    add_article(db, "A story")
    add_readers(db, 1)
    send_digest(db, settings)  # on its way, not sent
    assert "No letter has been sent yet. The first one will pick" in client.get("/").text
    answer = client.get("/sample")
    assert answer.status_code == 404
    assert "No letter has been sent yet" in answer.text


def test_the_sample_is_the_mail_and_its_own_links_are_no_reader_s(
    client: FlaskClient, db: Database, settings: Settings, sent: int
) -> None:
    answer = client.get("/sample", headers={"X-Forwarded-Host": "evil.example"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    with db.reading() as session:
        letter = RenderedDigest.from_json(session.scalars(select(RenderedDigestRow.content)).one())
        tokens = session.scalars(select(Subscriber.token)).all()
    html, _text = letter.edition(letter.full_mask)
    for page in ("preferences", "unsubscribe"):
        html = html.replace(
            f"https://letters.example.org/{page}/{letter.placeholder}",
            f"{settings.public_url}/sample/links?language=en",
        )
    assert answer.text == html
    assert "Story number 6" in answer.text
    for secret in (letter.placeholder, "evil", *tokens):
        assert secret not in answer.text
    assert "This was a sample" in client.get("/sample/links").text


@pytest.mark.parametrize("readers_have_it", [True, False], ids=["a reader has it", "no reader has it"])
def test_the_sample_speaks_the_language_of_the_page(
    client: FlaskClient, db: Database, settings: Settings, readers_have_it: bool
) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    if readers_have_it:
        with db.transaction() as session:
            import_rows(session, [ImportedReader("ada@example.org", Preferences(language="de"))])
    hand_over(db, settings)
    for path, language, words, others in (
        ("/sample?language=de", "de", "abbestellen", "Unsubscribe"),
        ("/sample?language=en", "en", "Unsubscribe", "abbestellen"),
        ("/sample", "en", "Unsubscribe", "abbestellen"),
        ("/sample?language=tlh", "en", "Unsubscribe", "abbestellen"),
    ):
        answer = client.get(path, headers={"Accept-Language": "de"})
        assert f'<html lang="{language}"' in answer.text
        assert words in answer.text
        assert others not in answer.text
        assert "A story" in answer.text
        assert f"/sample/links?language={language}" in answer.text
        assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert client.get("/", headers={"Accept-Language": "de"}).text.count('href="/sample?language=de"') == 2


def test_the_sample_may_do_nothing_but_look(client: FlaskClient, sent: int) -> None:
    policy = client.get("/sample").headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "sandbox"} <= set(policy)
    assert "script" not in str(policy)
    assert "<script" not in client.get("/sample").text
    assert client.get("/").headers["Content-Security-Policy"] != "; ".join(policy)


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
