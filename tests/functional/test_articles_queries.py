"""Articles by slug, by the rule of a digest, and by section."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.importing import import_page
from newsletter.articles.page import ParsedPage
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from newsletter.digests.picked_articles import Order, select_for_digest


def put(session: Session, title: str, day: int, section: str, trust: int, slug: str | None = None) -> None:
    page = ParsedPage(section, date(2026, 5, day), title, "", trust, "No hype", 1, (), (), ("Text",))
    import_page(session, page, slug=slug)


@pytest.fixture
def archive(db: Database) -> Database:
    """Four articles; "b" has two revisions."""
    with db.transaction() as session:
        put(session, "a", 1, "Policy", 90)
        put(session, "b", 1, "Old section", 99)
        put(session, "c", 3, "Research", 50)
        put(session, "d", 2, "Policy", 60)
        put(session, "b, corrected", 2, "Models", 60, slug="b")
    return db


def test_sections_are_those_of_newest_revisions(archive: Database) -> None:
    with archive.reading() as session:
        assert queries.sections(session) == ["Models", "Policy", "Research"]


@pytest.mark.parametrize(
    ("since", "sections", "min_trust", "limit", "order", "slugs"),
    [
        (None, None, 0, 10, "newest", "c d b a"),
        (None, None, 0, 10, "trust", "a d b c"),
        (None, None, 0, 2, "trust", "a d"),
        (date(2026, 5, 2), None, 0, 10, "newest", "c d b"),
        (None, ["Policy"], 0, 10, "newest", "d a"),
        (None, ["Policy", "Research"], 60, 10, "newest", "d a"),
        (None, ["Old section"], 0, 10, "newest", ""),
        (None, [], 0, 10, "newest", ""),
        (None, None, 60, 10, "newest", "d b a"),
        (None, None, 91, 10, "newest", ""),
    ],
)
def test_articles_are_chosen_by_rule(
    archive: Database,
    since: date | None,
    sections: list[str] | None,
    min_trust: int,
    limit: int,
    order: Order,
    slugs: str,
) -> None:
    with archive.reading() as session:
        chosen = select_for_digest(
            session, since=since, sections=sections, min_trust=min_trust, limit=limit, order=order
        )
        assert [one.slug for one in chosen] == slugs.split()


def test_an_article_comes_with_all_its_revisions(archive: Database) -> None:
    with archive.reading() as session:
        found = queries.get_article(session, "b")
        assert [one.title for one in found.revisions] == ["b", "b, corrected"]
        assert found.current.title == "b, corrected"


@pytest.mark.parametrize("slug", ["e", "", "a\0", "A", "a' OR 1=1 --", "ä"])
def test_an_unknown_slug_is_not_found(archive: Database, slug: str) -> None:
    with archive.reading() as session, pytest.raises(NotFoundError):
        queries.get_article(session, slug)
