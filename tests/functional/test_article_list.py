"""The list of stories: its order, its pages, the links between them, and cursors that nobody gave out."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from newsletter.articles import article_list
from newsletter.articles.article_list import ArticlePage, Cursor, ListedArticle
from newsletter.articles.importing import import_page
from newsletter.articles.page import ParsedPage
from newsletter.core.db import Database
from newsletter.web.public.article_list import PAGE_SIZE
from tests.factories import add_article
from tests.filling import fill_archive


def put(session: Session, title: str, day: int, slug: str | None = None) -> None:
    page = ParsedPage("Policy", date(2026, 5, day), title, "A dek", 70, "No hype", 1, (), (), ("Text",))
    import_page(session, page, slug=slug)


@pytest.fixture
def archive(db: Database) -> Database:
    """Five articles; "b" has two revisions."""
    with db.transaction() as session:
        for title, day in (("a", 1), ("b", 1), ("c", 3), ("d", 2), ("e", 2)):
            put(session, title, day)
        put(session, "b, corrected", 2, slug="b")
    return db


def slugs(page: ArticlePage | list[ListedArticle]) -> str:
    return "".join(one.slug for one in (page.articles if isinstance(page, ArticlePage) else page))


def test_newest_revisions_come_the_latest_date_first(archive: Database) -> None:
    with archive.reading() as session:
        assert slugs(article_list.latest_articles(session)) == "cedba"
        assert slugs(article_list.latest_articles(session, 2)) == "ce"
        b = next(one for one in article_list.latest_articles(session) if one.slug == "b")
    assert tuple(b) == (2, "b", None, 2, "en", "Policy", date(2026, 5, 2), "b, corrected", "A dek", 70, "No hype", 1)


def test_pages_lead_there_and_back_without_a_gap(archive: Database) -> None:
    with archive.reading() as session:
        first = article_list.article_page(session, 2)
        second = article_list.article_page(session, 2, before=first.older)
        third = article_list.article_page(session, 2, before=second.older)
        assert [slugs(page) for page in (first, second, third)] == ["ce", "db", "a"]
        assert (first.newer, third.older) == (None, None)
        assert article_list.article_page(session, 2, after=third.newer) == second
        assert article_list.article_page(session, 2, after=second.newer) == first


def test_links_survive_new_articles(archive: Database) -> None:
    with archive.reading() as session:
        first = article_list.article_page(session, 2)
        second = article_list.article_page(session, 2, before=first.older)
    with archive.transaction() as session:
        put(session, "f", 4)
        assert slugs(article_list.article_page(session, 2, before=first.older)) == slugs(second) == "db"
        back = article_list.article_page(session, 2, after=second.newer)
        assert slugs(back) == "ce"
        # Less than a page is newer: the newest page is a whole one.
        assert slugs(article_list.article_page(session, 2, after=back.newer)) == "fc"


def test_cursors_beyond_both_ends(archive: Database) -> None:
    with archive.reading() as session:
        assert article_list.article_page(session, 2, before=Cursor(date.min, 0)) == ([], None, None)
        newest = article_list.article_page(session, 2)
        assert article_list.article_page(session, 2, before=Cursor(date.max, 0)) == newest
        assert article_list.article_page(session, 2, after=Cursor(date.max, 0)) == newest
        oldest = article_list.article_page(session, 2, after=Cursor(date.min, 0))
        assert (slugs(oldest), oldest.older) == ("ba", None)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(date(2026, 5, 2), 123)
    assert article_list.parse_cursor(str(cursor)) == cursor


HOSTILE = [
    *("", " ", "x", "1", "-", "2026-05-02", "2026-05-02-", "2026-05-02--1", "2026-05-02-x", "2026-05-02-1 "),
    *("2026-02-30-1", "0000-00-00-1", "2026-05-02-1\n", "2026-05-02-1\0", "２０２６-05-02-1", "2026-05-02-١"),
    *("2026-05-02-9999999999999999999", "2026-05-02-" + "9" * 5000, "' OR 1=1 --", "😀", "\ud800", "%"),
]


@pytest.mark.parametrize("name", ["before", "after"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_cursor_that_nobody_gave_out_is_a_404(client: FlaskClient, db: Database, name: str, text: str) -> None:
    add_article(db, "A story")
    quoted = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
    assert client.get(f"/articles?{name}={quoted}").status_code == 404


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("number", ["0", "999999999999999999"])
def test_the_farthest_cursors_are_no_failure(client: FlaskClient, db: Database, day: str, number: str) -> None:
    add_article(db, "A story")
    assert client.get(f"/articles?after={day}-{number}").status_code == 200
    before = 200 if day == "9999-12-31" else 404
    assert client.get(f"/articles?before={day}-{number}").status_code == before


def test_two_cursors_are_a_404(client: FlaskClient, db: Database) -> None:
    add_article(db, "A story")
    assert client.get("/articles?before=2026-05-03-1&after=2026-05-01-1").status_code == 404


def follow(client: FlaskClient, page: str, name: str) -> str | None:
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>{name}</a>', page)
    return client.get(unescape(found[1])).text if found else None


def titles(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*><a[^>]*>(Story \d+)</a>", page)


def test_the_pages_show_every_story_once(client: FlaskClient, db: Database) -> None:
    count = 2 * PAGE_SIZE + 3
    fill_archive(db, count, a_day=4)
    pages = [client.get("/articles").text]
    while (older := follow(client, pages[-1], "Older stories")) is not None:
        pages.append(older)
    seen = [titles(page) for page in pages]
    assert [len(each) for each in seen] == [PAGE_SIZE, PAGE_SIZE, 3]
    assert len({title for each in seen for title in each}) == count
    assert titles(follow(client, pages[-1], "Newer stories") or "") == seen[1]


def test_a_page_further_back_says_so_in_its_language_and_keeps_it(client: FlaskClient, db: Database) -> None:
    fill_archive(db, PAGE_SIZE + 1)
    first = client.get("/articles?language=de").text
    assert "<h1>Artikel</h1>" in first
    assert "Neuere Artikel" not in first
    second = follow(client, first, "Ältere Artikel")
    assert second is not None
    assert "<h1>Artikel bis 1.\u00a0Mai\u00a02026</h1>" in second
    assert "<title>Artikel bis 1.\u00a0Mai\u00a02026 · Dispatch</title>" in second
    assert "Ältere Artikel" not in second
    english = follow(client, second, "English")
    assert english is not None
    assert "<h1>Stories up to 1\u00a0May\u00a02026</h1>" in english


def test_a_list_of_one_page_has_no_links_to_others(client: FlaskClient, db: Database) -> None:
    fill_archive(db, PAGE_SIZE)
    assert 'class="pages"' not in client.get("/articles").text
