"""The sitemap: every story and every page for everybody, in parts, as the protocol wants it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient

from newsletter.app import create_app
from newsletter.articles import revising, site_addresses, slugs
from newsletter.articles.changes import Change
from newsletter.articles.models import Article, RevisionKind
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.web import page_cache
from tests.factories import add_article, add_readers, hand_over

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
SITE = "https://letters.example.org"


def locations(client: FlaskClient, path: str) -> dict[str, str | None]:
    """The addresses of a sitemap or of its index, each with its lastmod."""
    answer = client.get(path)
    assert answer.content_type == "application/xml; charset=utf-8"
    root = ET.fromstring(answer.data)
    return {entry.findtext(f"{NAMESPACE}loc", ""): entry.findtext(f"{NAMESPACE}lastmod") for entry in root}


def test_it_holds_every_page_for_everybody_and_every_story(client: FlaskClient, db: Database) -> None:
    slug, elsewhere = add_article(db, "A story", section="Größe & Co."), add_article(db, "Elsewhere")
    with db.transaction() as session:
        change = Change(RevisionKind.UPDATE, "More is known.", published_at=datetime(2026, 5, 7, 12, tzinfo=UTC))
        revising.revise(session, slug, {"dek": "Other words"}, change)
        session.get_one(Article, 2).url = f"https://other.example/{elsewhere}"
    parts = locations(client, "/sitemap.xml")
    assert list(parts) == [f"{SITE}/sitemaps/0.xml", f"{SITE}/sitemaps/1.xml"]
    stories = locations(client, "/sitemaps/1.xml")
    assert stories == {f"{SITE}/articles/{slug}": "2026-05-07T12:00:00+00:00"}
    pages = locations(client, "/sitemaps/0.xml")
    for page in ("/", "/articles", "/feeds", "/about", "/privacy", "/imprint"):
        assert f"{SITE}{page}" in pages
    assert f"{SITE}/articles?section=Gr%C3%B6%C3%9Fe+%26+Co." in pages
    for address in [*pages, *stories]:
        assert client.get(address.removeprefix(SITE)).status_code == 200, address


def test_it_holds_every_letter(client: FlaskClient, db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    hand_over(db, settings)
    [letter] = (address for address in locations(client, "/sitemaps/0.xml") if "/letters/" in address)
    assert client.get(letter.removeprefix(SITE)).status_code == 200


def test_it_is_split(client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_addresses, "PART", 2)
    slugs = [add_article(db, f"Story {number}") for number in range(5)]
    assert len(locations(client, "/sitemap.xml")) == 1 + 3
    parts = [locations(client, f"/sitemaps/{number}.xml") for number in (1, 2, 3)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert {address.rpartition("/")[2] for part in parts for address in part} == set(slugs)
    assert client.get("/sitemaps/4.xml").status_code == 404
    assert client.get("/sitemaps/999999999999999999999.xml").status_code == 404


def test_a_part_is_small_enough_for_the_cache(app: Flask) -> None:
    slug = "x" * slugs.LONGEST
    addresses = [(public_paths.article(slug), datetime(2026, 5, 7, tzinfo=UTC))] * site_addresses.PART
    with app.app_context():
        assert len(render_template("feeds/sitemap.xml", addresses=addresses)) < page_cache.LARGEST


def test_it_names_no_reader_s_page(app: Flask, client: FlaskClient, db: Database) -> None:
    add_article(db, "A story")
    for path in locations(client, "/sitemaps/0.xml"):
        assert not any(word in path for word in ("preferences", "unsubscribe", "confirm", "hooks", "assets", "sitemap"))


def test_stories_that_are_read_elsewhere_are_not_in_it(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    app = create_app(replace(settings, article_url="https://dispatch.example/{slug}"))
    assert list(locations(app.test_client(), "/sitemap.xml")) == [f"{SITE}/sitemaps/0.xml"]
    app.extensions["newsletter"].db.dispose()


def test_an_empty_site_has_one(client: FlaskClient, db: Database) -> None:
    assert list(locations(client, "/sitemap.xml")) == [f"{SITE}/sitemaps/0.xml"]
    assert client.get("/sitemaps/1.xml").status_code == 404
