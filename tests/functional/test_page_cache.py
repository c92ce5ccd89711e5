"""Cached pages: until public content changes, until a time, or until the day is over; and what browsers keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.db.public_content import raise_version
from newsletter.web import page_cache
from newsletter.web.page_cache import PageCache, cached_page, cached_page_by
from tests.factories import add_article
from tests.services.patience import until

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def slug(db: Database) -> str:
    return add_article(db, "A story")


class Counted:
    """A cached page of a test's own, at /counted, that counts how often it is rendered."""

    def __init__(self, app: Flask) -> None:
        self.times = 0
        self.until: datetime | None = None
        app.add_url_rule("/counted", "counted", cached_page(self.view))
        app.add_url_rule("/counted-by", "counted_by", cached_page_by("before", "word")(self.view))

    def view(self) -> str:
        self.times += 1
        if self.until is not None:
            page_cache.cache_until(self.until)
        return f"Words {dict(request.args.lists())}"


@pytest.fixture
def counted(app: Flask) -> Iterator[Counted]:
    with clock.set_to(NOON):
        yield Counted(app)


def headers(answer: TestResponse) -> set[tuple[str, str]]:
    """All but the time of the answer."""
    return {(name, value) for name, value in answer.headers if name != "Date"}


def test_a_page_is_rendered_once(client: FlaskClient, counted: Counted) -> None:
    first, second = client.get("/counted"), client.get("/counted")
    assert counted.times == 1
    assert (first.status, first.text, headers(first)) == (second.status, second.text, headers(second))
    head = client.head("/counted")
    assert (head.text, headers(head), counted.times) == ("", headers(first), 1)
    client.get("/counted?language=de")
    assert counted.times == 2


def test_head_comes_first(client: FlaskClient, counted: Counted) -> None:
    head = client.head("/counted")
    assert head.text == ""
    assert headers(client.get("/counted")) == headers(head)
    assert counted.times == 1


@pytest.mark.parametrize("query", ["x=1", "x", "&", "before=1", "language=xx", "fbclid=%ff&utm_source=a%00b", "%=%"])
def test_parameters_that_a_page_does_not_know_make_no_other_page(
    client: FlaskClient, counted: Counted, query: str
) -> None:
    pages = {client.get(address).text for address in ("/counted", f"/counted?{query}", f"/counted?{query}&{query}")}
    assert pages == {"Words {}"}
    assert counted.times == 1
    for address in ("/counted?language=de", f"/counted?language=de&{query}"):
        assert client.get(address).text == "Words {'language': ['de']}"
    assert counted.times == 2


def test_a_page_is_shown_the_parameters_that_it_names(client: FlaskClient, counted: Counted) -> None:
    for query in ("word=a+%26%ff&before=1", "before=1&x=2&word=a%20%26%ff", "before=1&word=a+%26%ff&word=b&before=2"):
        assert client.get(f"/counted-by?{query}").text == "Words {'before': ['1'], 'word': ['a &%FF']}"
    assert counted.times == 1
    assert client.get("/counted-by?word=").text == "Words {'word': ['']}"
    assert client.get("/counted-by").text == "Words {}"
    assert counted.times == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/subscribe?section=Policy&section=Science&x=1"), ("GET", "/nothing?x=1"), ("POST", "/articles?x=1")],
)
def test_other_requests_keep_their_parameters(app: Flask, client: FlaskClient, method: str, path: str) -> None:
    seen: list[str] = []
    app.before_request(lambda: seen.append(request.full_path))
    client.open(path, method=method)
    assert seen == [path]


def test_the_port_of_the_host_makes_no_other_page(client: FlaskClient, counted: Counted) -> None:
    for host in ("letters.example.org", "letters.example.org:1", "letters.example.org:8443", "LETTERS.example.org."):
        assert client.get("/counted", headers={"Host": host}).status_code == 200
    assert counted.times == 1
    for host in ("evil.example", "letters.example.org/x", "letters.example.org:99999999", "x@letters.example.org", ""):
        assert client.get("/counted", headers={"Host": host}).status_code == 421, host


def test_any_change_of_public_content_ends_it(client: FlaskClient, counted: Counted, db: Database) -> None:
    client.get("/counted")
    add_article(db, "A story")
    client.get("/counted")
    assert counted.times == 2


def test_a_change_while_the_page_is_rendered_ends_it(app: Flask, client: FlaskClient, db: Database) -> None:
    def view() -> str:
        add_article(db, f"Story {len(seen)}")
        seen.append(1)
        return "Words"

    seen: list[int] = []
    app.add_url_rule("/changing", "changing", cached_page(view))
    client.get("/changing")
    client.get("/changing")
    assert len(seen) == 2


def test_a_time_ends_it(client: FlaskClient, counted: Counted) -> None:
    counted.until = NOON + timedelta(seconds=20)
    assert client.get("/counted").headers["Cache-Control"] == "public, max-age=0, s-maxage=20"
    with clock.set_to(NOON + timedelta(seconds=19)):
        client.get("/counted")
        assert counted.times == 1
    with clock.set_to(NOON + timedelta(seconds=20)):
        client.get("/counted")
        assert counted.times == 2


def test_midnight_in_the_publication_s_zone_ends_it(client: FlaskClient, counted: Counted, settings: Settings) -> None:
    midnight = datetime(2026, 5, 7, tzinfo=settings.timezone)
    client.get("/counted")
    with clock.set_to(midnight - timedelta(seconds=1)):
        client.get("/counted")
        assert counted.times == 1
    with clock.set_to(midnight):
        client.get("/counted")
        assert counted.times == 2


def test_what_a_browser_has_is_not_sent_again(client: FlaskClient, db: Database, slug: str) -> None:
    address = f"/articles/{slug}"
    first = client.get(address)
    etag = first.headers["ETag"]
    assert not etag.startswith("W/")
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        for method in ("GET", "HEAD"):
            again = client.open(address, method=method, headers={"If-None-Match": known})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == etag
            assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
            assert "Content-Type" not in again.headers
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    with db.transaction() as session:
        raise_version(session)
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304, "rendered anew, and still the same"
    add_article(db, "A story", trust=12)
    changed = client.get(address, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_the_same_page_has_the_same_etag_in_another_process(client: FlaskClient, settings: Settings, slug: str) -> None:
    other = create_app(settings)
    address = f"/articles/{slug}"
    assert other.test_client().get(address).headers["ETag"] == client.get(address).headers["ETag"]
    other.extensions["newsletter"].db.dispose()


def test_another_process_sees_the_change(client: FlaskClient, settings: Settings, db: Database, slug: str) -> None:
    other = create_app(settings)
    assert "Trust 69" in other.test_client().get(f"/articles/{slug}").text
    add_article(db, "A story", trust=12)
    assert "Trust 12" in other.test_client().get(f"/articles/{slug}").text
    other.extensions["newsletter"].db.dispose()


def test_the_version_is_asked_for_anew_after_a_moment(db: Database, settings: Settings) -> None:
    """Another process writes without telling this one: here, by a statement as text."""
    add_article(db, "A story")
    before = db.public_version()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE public_content SET version = version + 1"))
    until(lambda: db.public_version() != before)


def test_errors_are_not_kept(client: FlaskClient, db: Database, app: Flask) -> None:
    kept: PageCache = app.extensions["page_cache"]
    for path in ("/articles/nothing", "/articles?before=x", "/sample", "/nothing"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "ETag" not in answer.headers
        assert "public" not in answer.headers["Cache-Control"]
    assert kept.count() == 0


def test_a_foreign_host_gets_no_cached_page(client: FlaskClient, slug: str) -> None:
    assert client.get("/articles", headers={"Host": "letters.example.org"}).status_code == 200
    assert client.get("/articles", headers={"Host": "evil.example"}).status_code == 421
    assert client.post("/articles", headers={"Host": "letters.example.org"}).status_code == 405


@pytest.mark.parametrize("path", ["/", "/subscribe"])
def test_pages_with_a_form_token_are_kept_by_nobody(client: FlaskClient, slug: str, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = client.open(path, method=method)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers


def test_what_is_kept_is_bounded(app: Flask, client: FlaskClient, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: PageCache = app.extensions["page_cache"]
    size = len(client.get("/articles").data)
    monkeypatch.setattr(page_cache, "MOST_BYTES", 3 * (size + page_cache.BESIDE) + 200)
    for number in range(20):
        client.get(f"/articles?before=9999-12-31-{number}")
        client.get("/articles")  # in use, so it stays
    assert kept.count() <= 3
    with_version = kept.count()
    client.get("/articles")
    assert kept.count() == with_version
    monkeypatch.setattr(page_cache, "LARGEST", 10)
    assert client.get("/articles?before=9999-12-31-99").headers["ETag"]
    assert kept.count() == with_version


@pytest.mark.parametrize(("length", "most"), [(1, 30), (30_000, 3)])
def test_small_pages_with_long_addresses_are_bounded_too(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, length: int, most: int
) -> None:
    """An address may be longer than its page."""
    kept: PageCache = app.extensions["page_cache"]
    monkeypatch.setattr(page_cache, "MOST_BYTES", 100_000)
    for number in range(40):
        assert client.get(f"/articles?q={number}{'x' * length}").status_code == 200
    assert 0 < kept.count() <= most
