"""The list of stories by section, month and words: its form, its pages, and what it says when nothing is found."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from newsletter.articles import revising
from newsletter.articles.importing import import_page
from newsletter.articles.page import ParsedPage
from newsletter.core.db import Database
from newsletter.web.public.article_list import PAGE_SIZE

STORIES = (
    ("Seven cities open their registers", "Policy", date(2026, 5, 2)),
    ("A model reads its own card", "Models", date(2026, 5, 1)),
    ("Registers of chips", "Hardware", date(2026, 4, 30)),
    ("A costly winter", "Policy", date(2024, 1, 3)),
)


@pytest.fixture
def stories(db: Database) -> Database:
    with db.transaction() as session:
        for title, section, day in STORIES:
            page = ParsedPage(section, day, title, "A dek", 70, "No hype", 1, (), (), ("Text with <signs> & “marks”",))
            import_page(session, page)
    return db


def shown(client: FlaskClient, query: str) -> tuple[str, list[str]]:
    """The headline of a list, and the stories of it."""
    page = client.get(f"/articles{query}").text
    heading = re.sub("<[^>]*>", "", re.findall(r"<h1>(.*?)</h1>", page)[0])
    return unescape(heading), [unescape(title) for title in re.findall(r"<h2[^>]*><a[^>]*>([^<]*)</a>", page)]


CITIES, CARD, CHIPS, WINTER = (title for title, *_ in STORIES)


@pytest.mark.parametrize(
    ("query", "heading", "expected"),
    [
        ("", "Stories", [CITIES, CARD, CHIPS, WINTER]),
        ("?q=&section=&month=", "Stories", [CITIES, CARD, CHIPS, WINTER]),  # the form, sent empty
        ("?section=Policy", "Stories in Policy", [CITIES, WINTER]),
        ("?month=2026-05", "Stories of May 2026", [CITIES, CARD]),
        ("?month=2024", "Stories of 2024", [WINTER]),
        ("?month=2026-05&section=Policy", "Stories in Policy, May 2026", [CITIES]),
        ("?q=register", "Stories with “register”", [CITIES, CHIPS]),
        ("?q=register&section=Hardware&month=2026", "Stories with “register”", [CHIPS]),
        ("?q=<signs>", "Stories with “<signs>”", [CITIES, CARD, CHIPS, WINTER]),
    ],
)
def test_parts_of_the_list(
    client: FlaskClient, stories: Database, query: str, heading: str, expected: list[str]
) -> None:
    assert shown(client, query) == (heading, expected)


@pytest.mark.parametrize(
    "query", ["?section=Nothing", "?month=2026-13", "?month=x", "?month=0000", "?month=2026-05-01"]
)
def test_a_part_that_nobody_linked_is_a_404(client: FlaskClient, stories: Database, query: str) -> None:
    assert client.get(f"/articles{query}").status_code == 404


def test_the_months_are_those_with_stories_of_one_year_and_all_years(client: FlaskClient, stories: Database) -> None:
    def links(query: str) -> list[str]:
        aside = client.get(f"/articles{query}").text.partition("<aside")[2].partition("</aside>")[0]
        return re.findall(r'href="/articles\?([^"]*)"', aside)

    assert links("") == ["month=2026-05", "month=2026-04", "month=2026", "month=2025", "month=2024"]
    assert links("?month=2024") == ["month=2024-01", "month=2026", "month=2025", "month=2024"]
    assert links("?q=a&section=Policy")[0] == "q=a&amp;section=Policy&amp;month=2026-05"
    assert 'aria-current="true">May 2026</a>' in client.get("/articles?month=2026-05").text


def test_the_form_shows_what_was_asked(client: FlaskClient, stories: Database) -> None:
    page = client.get('/articles?q="open" card&section=Models&month=2026-05').text
    assert 'name="q" type="search" maxlength="200" value="&#34;open&#34; card"' in page
    assert "<option selected>Models</option>" in page
    assert '<option value="2026-05" selected>May 2026</option>' in page
    german = client.get("/articles?section=Models&language=de").text
    assert '<input type="hidden" name="language" value="de">' in german
    assert "<h1>Artikel aus Models</h1>" in german


def test_nothing_found_offers_the_wider_search_with_its_count(client: FlaskClient, stories: Database) -> None:
    page = unescape(client.get("/articles?q=card+winter&section=Policy").text)
    assert "No story in this part has all of these words." in page
    assert '<a href="/articles?q=card">Only “card”</a>: 1 story' in page
    assert '<a href="/articles?q=winter">Only “winter”</a>: 1 story' in page
    assert "In all sections" not in page  # nothing has both words
    page = unescape(client.get("/articles?q=card&section=Policy").text)
    assert '<a href="/articles?q=card">In all sections, of all times</a>: 1 story' in page
    page = unescape(client.get("/articles?q=qqqq").text)
    assert "Try fewer words" in page
    assert "No story of this time is in this section." in client.get("/articles?month=2026-04&section=Models").text


def test_a_search_is_not_for_search_engines(client: FlaskClient, stories: Database) -> None:
    robots = '<meta name="robots" content="noindex">'
    assert robots in client.get("/articles?q=card").text
    assert robots not in client.get("/articles?section=Models").text


def test_withdrawn_stories_leave_all_of_it(client: FlaskClient, stories: Database) -> None:
    with stories.transaction() as session:
        revising.withdraw(session, "a-costly-winter", "It does not stand.")
    for query in ("", "?q=winter", "?month=2024"):
        assert WINTER not in shown(client, query)[1]
    assert "2024" not in client.get("/articles").text.partition("<aside")[2].partition("</aside>")[0]


def test_pages_keep_the_part(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        for number in range(2 * PAGE_SIZE + 1):
            section = "Policy" if number else "Models"
            story = ParsedPage(section, date(2026, 5, 1), f"Story {number}", "", 70, "No hype", 1, (), (), ("Words",))
            import_page(session, story)
    page, seen = client.get("/articles?q=wor&section=Policy&month=2026-05").text, 0
    assert "20 stories" in page
    while True:
        seen += len(re.findall(r"<h2(?! class=)", page))  # the others are of the page
        older = re.search(r'class="older" href="([^"]*)"', page)
        if older is None:
            break
        page = client.get(unescape(older[1])).text
        assert "up to 1\u00a0May\u00a02026" in page
    assert seen == 2 * PAGE_SIZE


@pytest.mark.parametrize("query", ["", "?q=register&section=Policy&month=2026-05", "?q=a+b+c+d&section=Policy"])
def test_no_list_makes_more_than_eight_queries(client: FlaskClient, stories: Database, query: str) -> None:
    asked: list[str] = []
    event.listen(stories.engine, "before_cursor_execute", lambda *values: asked.append(values[2]))
    assert client.get(f"/articles{query}").status_code == 200
    assert 3 <= len([statement for statement in asked if statement.lstrip().startswith(("SELECT", "WITH"))]) <= 8, asked
