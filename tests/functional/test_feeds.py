"""The feeds: every field there and back in each format, ids that outlive changes, and hostile text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import jsonschema
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletter.app import create_app
from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.importing import import_page
from newsletter.articles.models import Article, Revision, RevisionKind, Source
from newsletter.articles.page import ParsedPage
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, raise_version
from newsletter.digests.models import DigestCorrection
from newsletter.digests.queries import get_digest
from newsletter.web.feeds.feed import FEED_SIZE
from tests.factories import add_readers, hand_over

FORMS = ("rss", "atom", "json")
SCHEMA = json.loads((Path(__file__).parent / "json_feed_1.1.schema.json").read_text())
STORY = ParsedPage(
    "Open Source & <more>",
    date(2026, 5, 2),
    "Quotes “and” <b>markup</b> & ampersands",
    "A dek with ]]> and \x0b a control character",
    70,
    "No hype",
    1,
    (Source("The Verge", "Told <first>", "https://a.example/x?a=1&b=2", "raw"),),
    ("A point & another",),
    ("A paragraph with <script>alert(1)</script> and \x1b[31m, \u202eturned\u202c.", "שלום עולם"),
)


def put(db: Database, **changes: Any) -> str:
    with db.transaction() as session:
        return import_page(session, replace(STORY, **changes)).slug


def correct(db: Database, slug: str, kind: RevisionKind, at: datetime, **fields: Any) -> None:
    note = None if kind == RevisionKind.SMALL else "The dek said two."
    with db.transaction() as session:
        revising.revise(session, slug, fields, Change(kind, note, published_at=at))


class Item:
    """An entry of a feed, whatever its format."""

    def __init__(self, form: str, entry: Any) -> None:
        is_json = form == "json"
        self.id = entry["id"]
        self.address = entry["url"] if is_json else entry["link"]
        self.title = entry["title"]
        self.summary = entry.get("summary", "")
        self.content = entry["content_html"] if is_json else entry["content"][0]["value"]
        self.published = entry["date_published"] if is_json else entry["published"]
        self.updated = datetime.fromisoformat(entry["date_modified"] if is_json else entry["updated"])
        self.sections = entry["tags"] if is_json else [tag["term"] for tag in entry["tags"]]


class Read:
    """A feed as a reader of feeds sees it."""

    def __init__(self, answer: TestResponse, form: str) -> None:
        assert answer.status_code == 200, answer.text
        if form == "json":
            content = json.loads(answer.data)
            jsonschema.validate(content, SCHEMA)
            self.title, self.page, self.address = content["title"], content["home_page_url"], content["feed_url"]
            entries = content["items"]
        else:
            # Bytes, for feedparser fetches what looks like an address; and without its own cleaning.
            found = feedparser.parse(answer.data, sanitize_html=False, resolve_relative_uris=False)
            assert found.bozo == 0, found.bozo_exception
            assert found.version == {"rss": "rss20", "atom": "atom10"}[form]
            self.title, self.page = found.feed.title, found.feed.link
            (self.address,) = [link.href for link in found.feed.links if link.rel == "self"]
            entries = found.entries
        self.items = [Item(form, entry) for entry in entries]


def read(client: FlaskClient, name: str, form: str) -> Read:
    return Read(client.get(f"/feeds/{name}.{form}"), form)


@pytest.mark.parametrize("form", FORMS)
def test_every_field_comes_back(client: FlaskClient, db: Database, form: str) -> None:
    slug = put(db)
    correct(db, slug, RevisionKind.UPDATE, datetime(2026, 5, 3, 12, tzinfo=UTC), trust=60)
    feed = read(client, "stories", form)
    assert (feed.title, feed.page) == ("Dispatch: stories", "https://letters.example.org/articles")
    assert feed.address == f"https://letters.example.org/feeds/stories.{form}"
    (item,) = feed.items
    assert item.title == "Quotes “and” <b>markup</b> & ampersands"
    assert item.address == f"https://letters.example.org/articles/{slug}"
    assert item.summary == "A dek with ]]> and a control character"
    assert item.sections == ["Open Source & <more>"]
    assert item.updated == datetime(2026, 5, 3, 12, tzinfo=UTC)
    published = {"rss": "Sat, 02 May 2026 00:00:00 +0000"}.get(form, "2026-05-02T00:00:00+00:00")
    assert item.published == published
    for text in (
        '<p dir="auto">A paragraph with &lt;script&gt;alert(1)&lt;/script&gt; and [31m',
        '<p dir="auto">שלום עולם</p>',
        '<li dir="auto">A point &amp; another</li>',
        '<a href="https://a.example/x?a=1&amp;b=2">Told &lt;first&gt;</a>',
        "The dek said two.",
        f'<a href="https://letters.example.org/articles/{slug}/revisions"',
    ):
        assert text in item.content
    assert "<script" not in item.content


@pytest.mark.parametrize("form", FORMS)
def test_empty_feeds_are_valid(client: FlaskClient, db: Database, form: str) -> None:
    for name in ("stories", "corrections", "letters"):
        assert read(client, name, form).items == []


@pytest.mark.parametrize("form", FORMS)
def test_ids_outlive_titles_addresses_and_hosts(
    client: FlaskClient, db: Database, settings: Settings, form: str
) -> None:
    slug = put(db)
    before = read(client, "stories", form).items[0].id
    assert before.startswith("urn:uuid:")
    correct(db, slug, RevisionKind.SMALL, datetime(2026, 5, 3, tzinfo=UTC), title="Another title")
    with db.transaction() as session:
        session.get_one(Article, 1).url = "https://elsewhere.example/story"
    other = create_app(replace(settings, public_url="http://other.example"))
    (item,) = read(other.test_client(), "stories", form).items
    other.extensions["newsletter"].db.dispose()
    assert (item.id, item.title, item.address) == (before, "Another title", "https://elsewhere.example/story")
    with db.reading():
        ids = {read(client, name, form).items[0].id for name in ("stories", "sections/Open%20Source%20&%20%3Cmore%3E")}
    assert ids == {before}, "a story has one id in all feeds"


@pytest.mark.parametrize("form", FORMS)
def test_only_updates_and_corrections_move_the_time(client: FlaskClient, db: Database, form: str) -> None:
    slug, moment = put(db), datetime(2026, 5, 3, tzinfo=UTC)
    for days, kind, expected in (
        (0, RevisionKind.SMALL, datetime(2026, 5, 2, tzinfo=UTC)),
        (1, RevisionKind.UPDATE, moment + timedelta(days=1)),
        (2, RevisionKind.SMALL, moment + timedelta(days=1)),
        (3, RevisionKind.CORRECTION, moment + timedelta(days=3)),
        (4, RevisionKind.SMALL, moment + timedelta(days=3)),
    ):
        correct(db, slug, kind, moment + timedelta(days=days), dek=f"Dek {days}")
        (item,) = read(client, "stories", form).items
        assert (item.updated, item.summary) == (expected, f"Dek {days}")


@pytest.mark.parametrize("form", FORMS)
def test_a_section_s_feed_holds_that_section_only(client: FlaskClient, db: Database, form: str) -> None:
    for number, section in enumerate(("Policy", "AI/ML & Co.", "Policy", "Größe")):
        put(db, title=f"Story {number}", section=section)
    assert [item.title for item in read(client, "sections/Policy", form).items] == ["Story 2", "Story 0"]
    for path, section, title in (
        ("AI/ML%20%26%20Co.", "AI/ML & Co.", "Story 1"),
        ("Gr%C3%B6%C3%9Fe", "Größe", "Story 3"),
    ):
        feed = read(client, f"sections/{path}", form)
        assert [item.title for item in feed.items] == [title]
        assert feed.title == f"Dispatch: {section}"
        assert client.get(feed.address.removeprefix("https://letters.example.org")).status_code == 200
        assert client.get(feed.page.removeprefix("https://letters.example.org")).status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_corrections_and_withdrawals_have_a_feed(client: FlaskClient, db: Database, form: str) -> None:
    one, two = put(db, title="One"), put(db, title="Two")
    correct(db, one, RevisionKind.CORRECTION, datetime(2026, 5, 3, tzinfo=UTC), trust=1)
    correct(db, one, RevisionKind.SMALL, datetime(2026, 5, 4, tzinfo=UTC), trust=2)
    correct(db, one, RevisionKind.UPDATE, datetime(2026, 5, 5, tzinfo=UTC), trust=3)
    with db.transaction() as session:
        revising.withdraw(session, two, "It does not stand.", published_at=datetime(2026, 5, 6, tzinfo=UTC))
    items = read(client, "corrections", form).items
    assert [item.title for item in items] == ["Withdrawn: Two", "Correction: One"]
    assert items[0].summary == "It does not stand."
    assert items[1].address == f"https://letters.example.org/articles/{one}/revisions/2"
    assert [item.title for item in read(client, "stories", form).items] == ["One"], "a withdrawn story leaves"


@pytest.mark.parametrize("form", FORMS)
def test_letters_have_a_feed_with_their_text_as_it_was_sent(
    client: FlaskClient, db: Database, settings: Settings, form: str
) -> None:
    slug = put(db)
    put(db, title="Another story", section="Policy", bullets=())
    add_readers(db, 1)
    digest_id = hand_over(db, settings)
    feed = read(client, "letters", form)
    assert f'<a href="/feeds/letters.{form}" type=' in client.get("/letters").text
    assert (feed.title, feed.page) == ("Dispatch: letters", "https://letters.example.org/letters")
    (before,) = feed.items
    assert sorted(before.sections) == ["Open Source & <more>", "Policy"]
    assert '<li dir="auto">A point &amp; another</li>' in before.content
    assert f'href="https://letters.example.org/articles/{slug}"' in before.content
    assert "A dek with ]]&gt; and  a control character</p>" in before.content
    with db.reading() as session:
        letter = get_digest(session, digest_id)
        assert letter.letter_since is not None
        assert before.updated == letter.letter_since
        assert before.address == f"https://letters.example.org/letters/{letter.letter_name}"
    correct(db, slug, RevisionKind.SMALL, clock.now(), dek="Small")
    assert read(client, "letters", form).items[0].updated == before.updated
    corrected_at = clock.now()
    with db.transaction() as session:
        session.add(DigestCorrection(digest_id=digest_id, bit=0, revision_id=1))
        session.get_one(Revision, 1).title = "Told <of>"
    correct(db, slug, RevisionKind.CORRECTION, corrected_at, title="Another title", dek="Right")
    other = create_app(replace(settings, public_url="http://other.example"))
    (after,) = read(other.test_client(), "letters", form).items
    other.extensions["newsletter"].db.dispose()
    assert (after.id, after.title, after.updated) == (before.id, before.title, corrected_at)
    assert "The dek said two." in after.content
    assert ">Told &lt;of&gt;</strong>" in after.content
    assert "Another title" not in after.content, "the letter stands as it was sent"


def test_a_feed_is_bounded(client: FlaskClient, db: Database) -> None:
    for number in range(FEED_SIZE + 3):
        put(db, title=f"Story {number}")
    assert len(read(client, "stories", "json").items) == FEED_SIZE


@pytest.mark.parametrize("form", FORMS)
def test_what_a_reader_has_is_not_sent_again(client: FlaskClient, db: Database, form: str) -> None:
    slug = put(db)
    path = f"/feeds/stories.{form}"
    first = client.get(path)
    types = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
    assert first.content_type == f"{types[form]}; charset=utf-8"
    assert first.headers["Cache-Control"].startswith("public, max-age=0, s-maxage=")
    known = ({"If-None-Match": first.headers["ETag"]}, {"If-Modified-Since": first.headers["Last-Modified"]})
    for headers in known:
        assert client.get(path, headers=headers).status_code == 304
    with db.transaction() as session:
        raise_version(session)  # rendered anew, and still the same
    for headers in known:
        assert client.get(path, headers=headers).status_code == 304
    later = clock.now() + timedelta(minutes=1)
    with clock.set_to(later):
        correct(db, slug, RevisionKind.UPDATE, later, trust=1)
    assert client.get(path, headers=known[1]).status_code == 200


def test_what_moves_no_entry_changes_the_feed(client: FlaskClient, db: Database) -> None:
    """A story of an earlier day is new, and a withdrawn one is gone, though the newest entry bears the same time."""
    put(db, title="The newest", date=date(2026, 5, 5))
    path, now = "/feeds/stories.atom", clock.now()
    seen = {"If-Modified-Since": client.get(path).headers["Last-Modified"]}
    with clock.set_to(now + timedelta(minutes=1)):
        slug = put(db, title="Of an earlier day")
    answer = client.get(path, headers=seen)
    assert "Of an earlier day" in answer.text
    seen = {"If-Modified-Since": answer.headers["Last-Modified"]}
    with clock.set_to(now + timedelta(minutes=2)), db.transaction() as session:
        revising.withdraw(session, slug, "It was made up.")
    answer = client.get(path, headers=seen)
    assert answer.status_code == 200
    assert "Of an earlier day" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/feeds/nothing.rss", "/feeds/stories.xml", "/feeds/sections/Nothing.atom", "/feeds/sections/.rss", "/feeds/"],
)
def test_a_made_up_address_is_a_404_with_a_way_on(client: FlaskClient, db: Database, path: str) -> None:
    put(db)
    answer = client.get(path)
    if path == "/feeds/":
        assert answer.status_code == 200
        return
    assert answer.status_code == 404
    assert "There is no such feed. All feeds are listed at https://letters.example.org/feeds." in answer.text


def test_pages_name_the_feeds(client: FlaskClient, db: Database) -> None:
    slug = put(db, section="AI/ML")
    pattern = r'<link rel="alternate" type="([^"]*)" href="([^"]*)" title="([^"]*)">'
    for path in ("/", f"/articles/{slug}", "/subscribe?language=de", "/articles?section=AI/ML"):
        links = re.findall(pattern, client.get(path).text)
        assert ("application/rss+xml", "/feeds/stories.rss", "Dispatch: stories") in links
        assert len(links) == (12 if "section" in path else 9)
        for kind, address, _title in links:
            assert client.get(address).content_type == f"{kind}; charset=utf-8"
    section = "/feeds/sections/AI/ML."
    for path, beginning in (
        ("/articles", "/feeds/stories."),
        ("/articles?section=AI/ML", section),
        (f"/articles/{slug}", section),
    ):
        links = re.findall(r'<a href="(/feeds/[^"]+)" type=', client.get(path).text)
        assert links == [beginning + form for form in (["rss"] if slug in path else FORMS)], path


def test_a_hub_is_named_where_it_is_set(client: FlaskClient, db: Database, settings: Settings) -> None:
    put(db)
    assert "hub" not in client.get("/feeds/stories.atom").text
    app = create_app(replace(settings, websub_hub="https://hub.example/"))
    for form in FORMS:
        answer = app.test_client().get(f"/feeds/stories.{form}")
        assert "https://hub.example/" in answer.text
        Read(answer, form)
        own = f"https://letters.example.org/feeds/stories.{form}"
        assert answer.headers["Link"] == f'<https://hub.example/>; rel="hub", <{own}>; rel="self"'
    app.extensions["newsletter"].db.dispose()


def test_the_list_of_feeds_says_what_each_holds(client: FlaskClient) -> None:
    for language, name, words in (
        ("en", "Corrections", "What was wrong, and what is right."),
        ("de", "Korrekturen", "Was falsch war, und was richtig ist."),
    ):
        page = client.get(f"/feeds?language={language}").text
        assert f"<b>{name}</b>:" in page
        assert words in page
