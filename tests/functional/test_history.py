"""The history of a story, and the list of corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from newsletter.articles import listed_revisions, queries, revising
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from tests.factories import add_article

START = datetime(2026, 5, 3, 8, tzinfo=UTC)


@pytest.fixture
def archive(db: Database) -> Database:
    """Three stories: "a" was corrected and withdrawn, "b" updated and corrected seriously, "c" changed a little."""
    for title, section in (("a", "Policy"), ("b", "Research"), ("c", "Policy")):
        add_article(db, title, section=section)
    acts: list[tuple[str, Change]] = [
        ("a", Change(RevisionKind.CORRECTION, "A date.", reported_at=START - timedelta(hours=2))),
        ("b", Change(RevisionKind.UPDATE, "A reply.")),
        ("c", Change()),
        ("b", Change(RevisionKind.CORRECTION, "A name.", serious=True)),
        ("a", Change(RevisionKind.WITHDRAWAL, "It was made up.")),
    ]
    for hour, (slug, change) in enumerate(acts):
        with clock.set_to(START + timedelta(hours=hour)), db.transaction() as session:
            if change.kind == RevisionKind.WITHDRAWAL:
                revising.withdraw(session, slug, change.note or "")
            else:
                revising.revise(session, slug, {"dek": f"Dek {hour}"}, change)
    return db


def test_a_history_says_what_each_revision_is(archive: Database) -> None:
    with archive.reading() as session:
        found = listed_revisions.article_history(session, "a")
        assert [(each.number, each.kind, each.note, each.serious) for each in found] == [
            (3, RevisionKind.WITHDRAWAL, "It was made up.", True),
            (2, RevisionKind.CORRECTION, "A date.", False),
            (1, RevisionKind.FIRST, None, False),
        ]
        assert found[1].reported_at == START - timedelta(hours=2)
        assert [each.published_at for each in found] == [
            START + timedelta(hours=4),
            START,
            datetime(2026, 5, 2, tzinfo=UTC),
        ]
        for slug in ("none", "a\x00b"):
            with pytest.raises(NotFoundError):
                listed_revisions.article_history(session, slug)


def test_the_newest_revision_is_read_alone_and_says_whether_it_withdraws(archive: Database) -> None:
    with archive.reading() as session:
        assert {slug: queries.get_current(session, slug).is_withdrawal for slug in "abc"} == {
            "a": True,
            "b": False,
            "c": False,
        }
        assert queries.get_current(session, "b").number == 3
        with pytest.raises(NotFoundError):
            queries.get_current(session, "none")


Listed = Callable[..., list[tuple[str, int]]]


@pytest.fixture
def listed(archive: Database) -> Listed:
    """The slugs and numbers of corrections, page by page."""

    def read(size: int = 10, **filters: object) -> list[tuple[str, int]]:
        found, before = [], None
        with archive.reading() as session:
            while True:
                page = listed_revisions.corrections(session, size, before=before, **filters)  # type: ignore[arg-type]
                found += [(each.slug, each.number) for each in page.corrections]
                if page.older is None:
                    return found
                assert len(page.corrections) == size
                before = listed_revisions.parse_correction_cursor(str(page.older))
                assert before == page.older

    return read


def test_corrections_and_withdrawals_are_listed_the_newest_first(listed: Listed) -> None:
    everything = [("a", 3), ("b", 3), ("a", 2)]
    assert [listed(size) for size in (1, 2, 3, 10)] == [everything] * 4
    assert listed(section="Research") == [("b", 3)]
    assert listed(serious_only=True) == [("a", 3), ("b", 3)]
    assert listed(section="Hardware") == []


def test_corrections_of_one_moment_are_all_listed(db: Database) -> None:
    for title in "abcd":
        add_article(db, title)
    with clock.set_to(START), db.transaction() as session:
        for slug in "abcd":
            revising.revise(session, slug, {"dek": "Other"}, Change(RevisionKind.CORRECTION, "A date."))
    with db.reading() as session:
        first = listed_revisions.corrections(session, 2)
        assert first.older is not None
        rest = listed_revisions.corrections(session, 2, before=first.older)
    assert [each.slug for each in (*first.corrections, *rest.corrections)] == ["d", "c", "b", "a"]
    assert rest.older is None


@pytest.mark.parametrize("words", ["", "1", "-1-1", "1-", "x-1", "1-1-1", "9" * 40 + "-1", "١-١"])
def test_other_texts_are_no_cursor(words: str) -> None:
    assert listed_revisions.parse_correction_cursor(words) is None


def test_the_largest_cursor_is_a_time() -> None:
    assert listed_revisions.parse_correction_cursor("9" * 17 + "-" + "9" * 18) is not None


def test_the_list_uses_its_index(archive: Database) -> None:
    """Otherwise each page would read all revisions."""
    with statements(archive) as executed, archive.reading() as session:
        listed_revisions.corrections(session, 10)
    (statement,) = executed
    assert "kind IN ('correction', 'withdrawal')" in statement
    if archive.is_sqlite:
        with archive.engine.connect() as connection:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"), {"param_1": 10}).all()
        assert any("ix_revisions_corrections" in str(row) for row in plan)


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM revisions" in statement:
            found.append(statement.replace("?", "20"))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
