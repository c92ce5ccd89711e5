"""The cost of a page, an import and a digest does not grow with the archive: what the database does is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from newsletter.articles import article_search, page, queries
from newsletter.articles.importing import import_page
from newsletter.articles.remarks import remarks
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Base, Database
from newsletter.core.search import SearchQuery, index
from newsletter.digests import composing
from newsletter.digests.picked_articles import Rule
from tests.factories import REAL_ARTICLE
from tests.filling import NEWEST_DAY, fill_archive, fill_letters, fill_search
from tests.services.database_work import DatabaseWork, counted_work

SMALL, LARGE = 100, 3000
MOST = 1.2
"""Times the work at the small size; a deeper index costs a little."""
FEW = 20
"""Rows by which PostgreSQL's plans differ at the two sizes. What grows would differ by hundreds."""

Action = Callable[[FlaskClient, Database, int], None]
"""Does something at a size of the archive, which makes it different each time."""


def opens(path: str) -> Action:
    def action(client: FlaskClient, _db: Database, _size: int) -> None:
        assert client.get(path).status_code == 200

    return action


def imports(**changes: object) -> Action:
    def action(_client: FlaskClient, db: Database, size: int) -> None:
        real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
        changed = {
            name: value.format(size=size) if isinstance(value, str) else value for name, value in changes.items()
        }
        with db.transaction() as session:
            remarks(real, queries.sections(session))
            import_page(session, replace(real, **changed))  # type: ignore[arg-type]

    return action


def composes(rule: Rule) -> Action:
    def action(_client: FlaskClient, db: Database, _size: int) -> None:
        with db.transaction() as session:
            composing.compose_draft(session, replace(rule, since=NEWEST_DAY - timedelta(days=6)))

    return action


ACTIONS: dict[str, Action] = {
    "front page": opens("/"),
    "sign-up": opens("/subscribe"),
    "list": opens("/articles"),
    "older stories": opens("/articles?before=2026-05-02-5"),
    "newer stories": opens("/articles?after=2026-04-28-50"),
    "story": opens("/articles/story-7"),
    "stories of a section": opens("/articles?section=Section+03"),
    "stories of a month": opens("/articles?month=2026-05"),
    "feed": opens("/feeds/stories.atom"),
    "feed of a section": opens("/feeds/sections/Section%2003.rss"),
    "feed of corrections": opens("/feeds/corrections.json"),
    "new story": imports(title="A story, {size}", section="Section 03"),
    "revised story": imports(title="Story 7", dek="Corrected, {size}"),
    "unchanged story": imports(title="Story 7", section="Section 02", trust=47),
    "digest": composes(Rule(Cadence.WEEKLY)),
    "digest by trust": composes(Rule(Cadence.WEEKLY, order="trust")),
    "digest of a section": composes(Rule(Cadence.WEEKLY, sections=["Section 03"])),
    "digest of the trusted": composes(Rule(Cadence.WEEKLY, min_trust=60)),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_the_work_does_not_grow_with_the_archive(client: FlaskClient, db: Database, name: str) -> None:
    fill_archive(db, SMALL)
    small = work_of(ACTIONS[name], client, db, SMALL)
    fill_archive(db, LARGE, first=SMALL + 1)
    large = work_of(ACTIONS[name], client, db, LARGE)
    assert large.statements == small.statements
    assert 0 < large.steps <= MOST * small.steps + FEW


# The list counts the letters of each month, of which a year has twelve.
LETTERS = {
    "front page": "/",
    "letter": "/letters/2026-05-01-daily",
    "feed": "/feeds/letters.atom",
}


@pytest.mark.parametrize("name", LETTERS)
def test_the_work_does_not_grow_with_the_letters(client: FlaskClient, db: Database, name: str) -> None:
    fill_archive(db, 10)
    fill_letters(db, 40)
    small = work_of(opens(LETTERS[name]), client, db, 40)
    fill_letters(db, 400, first=41)
    large = work_of(opens(LETTERS[name]), client, db, 400)
    assert large.statements == small.statements
    assert 0 < large.steps <= MOST * small.steps + FEW


def work_of(action: Action, client: FlaskClient, db: Database, size: int) -> DatabaseWork:
    with counted_work(db) as work:
        action(client, db, size)
    return work


def test_a_word_that_all_stories_have_is_found_among_the_newest(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_LOOKED_AT", 50)
    fill_archive(db, LARGE, revisions=1)
    fill_search(db, LARGE, lambda _choose: ["often"])
    query = SearchQuery.parse("often")
    assert query is not None
    with counted_work(db) as work, db.reading() as session:
        found = article_search.INDEX.find(session, query, 10)
    assert [place.number for place in found] == list(range(10, 0, -1))
    assert 0 < work.steps < LARGE / 4


@pytest.mark.parametrize("path", ["/", "/articles", "/articles?before=2026-05-02-5"])
def test_no_page_loads_the_archive(client: FlaskClient, db: Database, path: str) -> None:
    """240,000 objects at once end a process of CPython 3.11 in its garbage collector."""
    fill_archive(db, 300, a_day=300)
    loaded: Counter[str] = Counter()

    def on_load(target: object, _context: object) -> None:
        loaded[type(target).__name__] += 1

    event.listen(Base, "load", on_load, propagate=True)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(Base, "load", on_load)
    assert loaded.total() <= 10, loaded
