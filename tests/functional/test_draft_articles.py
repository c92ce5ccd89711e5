"""The articles of a draft: added, dropped, moved and refreshed, each time at the version that an editor saw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError, NotFoundError
from newsletter.digests import draft_articles, scheduling
from newsletter.digests.models import MOST_ARTICLES, Digest
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_digest

pytestmark = pytest.mark.usefixtures("app")

Act = Callable[..., object]

ACTS: dict[str, Act] = {
    "add": lambda session, digest_id, **how: draft_articles.add_article(session, digest_id, "late", **how),
    "drop": lambda session, digest_id, **how: draft_articles.drop_article(session, digest_id, "b", **how),
    "move": lambda session, digest_id, **how: draft_articles.move_article(session, digest_id, "b", 1, **how),
    "refresh": lambda session, digest_id, **how: draft_articles.refresh_articles(session, digest_id, **how),
}


@pytest.fixture
def digest_id(db: Database) -> int:
    """A draft of the articles c, b and a, in this order; another article comes later."""
    for title in ("A", "B", "C"):
        add_article(db, title)
    number = add_digest(db)
    add_article(db, "Late")
    return number


def slugs(db: Database, digest_id: int) -> list[str]:
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        assert [item.position for item in digest.items] == list(range(len(digest.items)))
        return [revision.slug for revision in digest.revisions]


@pytest.mark.parametrize(
    ("position", "after"),
    [
        (None, ["c", "b", "a", "late"]),
        (1, ["late", "c", "b", "a"]),
        (3, ["c", "b", "late", "a"]),
        (4, ["c", "b", "a", "late"]),
    ],
)
def test_add(db: Database, digest_id: int, position: int | None, after: list[str]) -> None:
    with db.transaction() as session:
        digest = draft_articles.add_article(session, digest_id, "late", position=position, by=OPERATOR)
        assert [revision.slug for revision in digest.revisions] == after
    assert slugs(db, digest_id) == after


@pytest.mark.parametrize(("slug", "after"), [("c", ["b", "a"]), ("b", ["c", "a"]), ("a", ["c", "b"])])
def test_drop(db: Database, digest_id: int, slug: str, after: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, digest_id, slug, by=OPERATOR)
    assert slugs(db, digest_id) == after


@pytest.mark.parametrize(
    ("slug", "position", "after"),
    [
        ("a", 1, ["a", "c", "b"]),
        ("c", 3, ["b", "a", "c"]),
        ("b", 1, ["b", "c", "a"]),
        ("b", 2, ["c", "b", "a"]),
    ],
)
def test_move(db: Database, digest_id: int, slug: str, position: int, after: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.move_article(session, digest_id, slug, position, by=OPERATOR)
    assert slugs(db, digest_id) == after


def test_refresh_takes_what_changed_and_leaves_the_order(db: Database, digest_id: int) -> None:
    add_article(db, "B", trust=11)
    add_article(db, "B", trust=12)
    with db.transaction() as session:
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == ["b"]
    with db.transaction() as session:
        digest = get_digest(session, digest_id)
        assert [(each.slug, each.number, each.trust) for each in digest.revisions] == [
            ("c", 1, 69),
            ("b", 3, 12),
            ("a", 1, 69),
        ]
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == []


@pytest.mark.parametrize("name", ACTS)
class TestConditions:
    def test_each_raises_the_version_by_one(self, db: Database, digest_id: int, name: str) -> None:
        with db.transaction() as session:
            ACTS[name](session, digest_id, version=1, by=OPERATOR)
        with db.reading() as session:
            assert get_digest(session, digest_id).version == 2

    def test_what_an_editor_saw_before_a_change_is_refused(self, db: Database, digest_id: int, name: str) -> None:
        with db.transaction() as session:
            draft_articles.move_article(session, digest_id, "a", 1, by=OPERATOR)
        with db.transaction() as session, pytest.raises(ConflictError) as refused:
            ACTS[name](session, digest_id, version=1, by=OPERATOR)
        assert refused.value.code == "digest.changed"
        assert slugs(db, digest_id) == ["a", "c", "b"]

    def test_a_scheduled_digest_stays(self, db: Database, settings: Settings, digest_id: int, name: str) -> None:
        with db.transaction() as session:
            scheduling.send_now(session, settings, digest_id, by=OPERATOR)
        with db.transaction() as session, pytest.raises(ConflictError, match="is scheduled and cannot be edited"):
            ACTS[name](session, digest_id, by=OPERATOR)
        assert slugs(db, digest_id) == ["c", "b", "a"]

    def test_an_unknown_digest(self, db: Database, digest_id: int, name: str) -> None:
        with db.transaction() as session, pytest.raises(NotFoundError, match="There is no digest 7"):
            ACTS[name](session, digest_id + 6, by=OPERATOR)


Refused = Callable[[Session, int], Digest]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda s, d: draft_articles.add_article(s, d, "a", by=OPERATOR), "digest.article_there"),
        (lambda s, d: draft_articles.add_article(s, d, "nowhere", by=OPERATOR), "article.not_found"),
        (lambda s, d: draft_articles.add_article(s, d, "late", position=5, by=OPERATOR), "digest.no_such_position"),
        (lambda s, d: draft_articles.add_article(s, d, "late", position=0, by=OPERATOR), "digest.no_such_position"),
        (lambda s, d: draft_articles.move_article(s, d, "a", 4, by=OPERATOR), "digest.no_such_position"),
        (lambda s, d: draft_articles.move_article(s, d, "late", 1, by=OPERATOR), "digest.article_absent"),
        (lambda s, d: draft_articles.drop_article(s, d, "late", by=OPERATOR), "digest.article_absent"),
    ],
)
def test_what_cannot_be_done_changes_nothing(db: Database, digest_id: int, act: Refused, code: str) -> None:
    with pytest.raises((ConflictError, InvalidError, NotFoundError)) as refused, db.transaction() as session:
        act(session, digest_id)
    assert refused.value.code == code
    assert slugs(db, digest_id) == ["c", "b", "a"]
    with db.reading() as session:
        assert get_digest(session, digest_id).version == 1


def test_a_full_digest_takes_no_more(db: Database, digest_id: int) -> None:
    for number in range(MOST_ARTICLES):
        add_article(db, f"More {number}")
    full = add_digest(db)
    with db.transaction() as session, pytest.raises(InvalidError, match="no more fit"):
        draft_articles.add_article(session, full, "a", by=OPERATOR)


def test_an_article_that_was_dropped_can_come_back(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, digest_id, "b", by=OPERATOR)
        draft_articles.add_article(session, digest_id, "b", position=1, by=OPERATOR)
    assert slugs(db, digest_id) == ["b", "c", "a"]
