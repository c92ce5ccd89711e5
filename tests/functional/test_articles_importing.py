"""What becomes of a page: a new article, a revision, or nothing; also when several arrive at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import func, select

from newsletter.articles import queries
from newsletter.articles.importing import ImportedPage, import_page
from newsletter.articles.models import Article, Revision, Source
from newsletter.articles.page import ParsedPage
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from tests.services.patience import PATIENCE

PAGE = ParsedPage(
    section="Policy",
    date=date(2026, 5, 2),
    title="A <b>title</b> & “more”",
    dek="",
    trust=69,
    hype="Some hype",
    source_count=2,
    sources=(
        Source("The Verge — AI", "It", "https://example.org", "1. 01The Verge — AIIt"),
        Source("", "x", "", "2. x"),
    ),
    bullets=("One {{ 1 }}", "Zwei & drei"),
    paragraphs=("First\nline", "."),
)


def put(db: Database, page: ParsedPage, slug: str | None = None) -> ImportedPage:
    with db.transaction() as session:
        return import_page(session, page, slug=slug)


def at_once(db: Database, pages: Sequence[ParsedPage]) -> list[ImportedPage]:
    """Import each page in a transaction of its own; all of them begin before any goes on."""
    barrier = Barrier(len(pages))

    def run(page: ParsedPage) -> ImportedPage:
        with db.transaction() as session:
            barrier.wait(PATIENCE)
            return import_page(session, page)

    with ThreadPoolExecutor(len(pages)) as pool:
        return list(pool.map(run, pages))


def states(db: Database, slug: str) -> list[tuple[int, bool, str]]:
    with db.reading() as session:
        return [(one.number, one.is_current, one.title) for one in queries.get_article(session, slug).revisions]


def test_a_page_is_stored_as_it_is(db: Database) -> None:
    assert put(db, PAGE) == ("created", "a-b-title-b-more")
    with db.reading() as session:
        current = queries.get_article(session, "a-b-title-b-more").current
        assert current.content() == PAGE.content()
        assert tuple(current.sources) == PAGE.sources
        assert tuple(current.paragraphs) == PAGE.paragraphs


def test_the_same_page_again_changes_nothing(db: Database) -> None:
    put(db, PAGE)
    assert put(db, PAGE).outcome == "unchanged"
    assert states(db, "a-b-title-b-more") == [(1, True, PAGE.title)]


def test_each_field_makes_a_revision_and_the_old_one_stays(db: Database) -> None:
    slug = put(db, PAGE).slug
    changes: list[dict[str, object]] = [
        {"section": "Law"},
        {"date": date(2026, 5, 3)},
        {"title": "A <b>title</b>, & “more”"},
        {"dek": "Dek"},
        {"trust": 70},
        {"hype": "No hype"},
        {"source_count": 3},
        {"sources": PAGE.sources[:1]},
        {"bullets": ()},
        {"paragraphs": ("First",)},
    ]
    page = PAGE
    for number, change in enumerate(changes, 2):
        page = replace(page, **change)  # type: ignore[arg-type]
        assert put(db, page) == ("revised", slug)
        assert [(number, is_current) for number, is_current, _ in states(db, slug)] == [
            (n, n == number) for n in range(1, number + 1)
        ]


def test_slug_names_the_article_whose_title_changed(db: Database) -> None:
    slug = put(db, PAGE).slug
    renamed = replace(PAGE, title="Another headline")
    assert put(db, renamed, slug) == ("revised", slug)
    assert states(db, slug) == [(1, False, PAGE.title), (2, True, "Another headline")]
    # From now on the page is known by its new title, too.
    assert put(db, renamed) == ("unchanged", slug)
    assert put(db, replace(renamed, trust=1)) == ("revised", slug)


@pytest.mark.parametrize("slug", ["no-such-article", "", "a\0b", "Not A Slug"])
def test_an_unknown_slug_is_refused_and_nothing_is_stored(db: Database, slug: str) -> None:
    with pytest.raises(NotFoundError, match="There is no article"):
        put(db, PAGE, slug)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Article)) == 0


def test_a_changed_title_without_its_slug_is_another_article(db: Database) -> None:
    put(db, PAGE)
    assert put(db, replace(PAGE, title="Another headline")) == ("created", "another-headline")


def test_stories_whose_titles_only_shorten_alike_stay_apart(db: Database) -> None:
    one, other = (replace(PAGE, title="word " * 30 + end) for end in ("one", "two"))
    first, second = put(db, one), put(db, other)
    assert (first.outcome, second.outcome) == ("created", "created")
    assert second.slug.startswith(first.slug)
    assert put(db, one) == ("unchanged", first.slug)
    assert put(db, other) == ("unchanged", second.slug)
    assert put(db, replace(other, title=other.title + "!")) == ("revised", second.slug)


def test_the_same_page_several_times_at_once_is_one_article(db: Database) -> None:
    results = at_once(db, [PAGE] * 4)
    assert sorted(result.outcome for result in results) == ["created", "unchanged", "unchanged", "unchanged"]
    assert states(db, results[0].slug) == [(1, True, PAGE.title)]


def test_changes_at_once_become_revisions_one_after_another(db: Database) -> None:
    slug = put(db, PAGE).slug
    at_once(db, [replace(PAGE, trust=trust) for trust in range(4)])
    assert [(number, is_current) for number, is_current, _ in states(db, slug)] == [(n, n == 5) for n in range(1, 6)]
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Revision).where(Revision.is_current)) == 1


def test_other_stories_of_the_same_slug_at_once_stay_apart(db: Database) -> None:
    results = at_once(db, [replace(PAGE, title="word " * 30 + str(end)) for end in range(4)])
    assert [result.outcome for result in results] == ["created"] * 4
    assert len({result.slug for result in results}) == 4
