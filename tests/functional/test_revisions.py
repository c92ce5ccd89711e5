"""Revisions say what they are: small changes, updates, corrections, withdrawals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from newsletter.articles import article_list, queries, revising
from newsletter.articles.changes import LONGEST_NOTE, Change
from newsletter.articles.models import Article, PublishedBasis, Revision, RevisionKind, published_on
from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError, NotFoundError
from newsletter.digests.picked_articles import select_for_digest
from tests.factories import add_article

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
REPORTED = NOW - timedelta(hours=3)
CORRECTION = Change(RevisionKind.CORRECTION, "The date was wrong.", serious=True, reported_at=REPORTED)


@pytest.fixture
def slug(db: Database) -> str:
    return add_article(db, "A story")


def revise(db: Database, slug: str, change: Change, **fields: Any) -> None:
    with clock.set_to(NOW), db.transaction() as session:
        assert revising.revise(session, slug, fields or {"dek": f"Dek for {change}"}, change) is not None


def newest(db: Database, slug: str) -> Revision:
    with db.reading() as session:
        return queries.get_article(session, slug).current


def offered(db: Database) -> list[str]:
    """The slugs of lists and of candidates for a digest, which are the same."""
    with db.reading() as session:
        listed = [each.slug for each in article_list.latest_articles(session)]
        paged = [each.slug for each in article_list.article_page(session, 10).articles]
        found = select_for_digest(session, since=None, sections=None, min_trust=0, limit=9, order="newest")
        assert listed == paged == [each.slug for each in found]
        assert bool(listed) == bool(queries.sections(session))
    return listed


def test_the_first_revision_has_the_date_of_its_page(db: Database, slug: str) -> None:
    first = newest(db, slug)
    assert (first.kind, first.note, first.serious) == (RevisionKind.FIRST, None, False)
    assert (first.published_at, first.published_at_basis) == (
        datetime(2026, 5, 2, tzinfo=UTC),
        PublishedBasis.PAGE_DATE,
    )


def test_the_day_of_publication_is_the_page_s_or_that_of_the_publication_s_zone(db: Database, slug: str) -> None:
    new_york = ZoneInfo("America/New_York")
    assert published_on(newest(db, slug), new_york) == date(2026, 5, 2), "no zone makes it another day"
    with clock.set_to(datetime(2026, 5, 4, 2, tzinfo=UTC)), db.transaction() as session:
        revising.revise(session, slug, {"dek": "Other"})
    assert published_on(newest(db, slug), new_york) == date(2026, 5, 3)


def test_a_change_that_says_nothing_is_small(db: Database, slug: str) -> None:
    revise(db, slug, Change())
    later = newest(db, slug)
    assert (later.number, later.kind, later.note) == (2, RevisionKind.SMALL, None)
    assert (later.published_at, later.published_at_basis) == (NOW, PublishedBasis.IMPORT)


def test_a_correction_carries_its_sentence_and_its_times(db: Database, slug: str) -> None:
    given = NOW - timedelta(hours=1)
    note = " It was\n2025,\u202e not 2026. "
    revise(db, slug, Change(RevisionKind.CORRECTION, note, serious=True, reported_at=REPORTED, published_at=given))
    later = newest(db, slug)
    assert (later.kind, later.note, later.serious) == (RevisionKind.CORRECTION, "It was 2025, not 2026.", True)
    assert (later.reported_at, later.published_at, later.published_at_basis) == (REPORTED, given, PublishedBasis.GIVEN)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Change(RevisionKind.UPDATE), "revision.note_missing"),
        (Change(RevisionKind.CORRECTION, " \n"), "revision.note_missing"),
        (Change(RevisionKind.UPDATE, "x" * (LONGEST_NOTE + 1)), "revision.note_too_long"),
        (Change(RevisionKind.UPDATE, "a\x00b"), "revision.note_unprintable"),
        (Change(RevisionKind.UPDATE, "a\ud800b"), "revision.note_unprintable"),
        (Change(note="A sentence"), "revision.note_unused"),
        (Change(serious=True), "revision.no_mistake"),
        (Change(RevisionKind.UPDATE, "News.", reported_at=REPORTED), "revision.no_mistake"),
        (Change(published_at=NOW + timedelta(seconds=1)), "revision.published_later"),
        (
            Change(RevisionKind.CORRECTION, "Wrong.", reported_at=NOW, published_at=REPORTED),
            "revision.reported_later",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(db: Database, slug: str, change: Change, code: str) -> None:
    with clock.set_to(NOW), pytest.raises(InvalidError) as refused, db.transaction() as session:
        revising.revise(session, slug, {"dek": "Other"}, change)
    assert refused.value.code == code
    assert newest(db, slug).number == 1


def test_nothing_new_is_no_revision(db: Database, slug: str) -> None:
    with db.transaction() as session:
        assert revising.revise(session, slug, {"trust": 69}, Change(RevisionKind.UPDATE, "News.")) is None
    assert newest(db, slug).number == 1


def test_a_withdrawn_article_is_offered_nowhere_and_keeps_its_content(db: Database, slug: str) -> None:
    other = add_article(db, "Another story", section="Research")
    before = newest(db, slug)
    assert set(offered(db)) == {slug, other}
    with clock.set_to(NOW), db.transaction() as session:
        revising.withdraw(session, slug, "It was made up.", reported_at=REPORTED)
    after = newest(db, slug)
    assert (after.kind, after.note, after.serious) == (RevisionKind.WITHDRAWAL, "It was made up.", True)
    assert (after.number, after.content(), after.reported_at) == (2, before.content(), REPORTED)
    assert offered(db) == [other]
    with db.reading() as session:
        assert queries.sections(session) == ["Research"]


def test_an_update_alone_brings_a_withdrawn_article_back(db: Database, slug: str) -> None:
    with db.transaction() as session:
        revising.withdraw(session, slug, "It was made up.")
    for change in (Change(), CORRECTION):
        with pytest.raises(ConflictError) as refused:
            revise(db, slug, change)
        assert refused.value.code == "article.withdrawn"
    with db.transaction() as session:
        assert revising.revise(session, slug, {}) is None, "the page of before, imported again, changes nothing"
        assert revising.revise(session, slug, {}, Change(RevisionKind.UPDATE, "It is true after all.")) is not None
    assert offered(db) == [slug]
    assert (newest(db, slug).number, newest(db, slug).serious) == (3, False)


def test_a_withdrawal_needs_a_sentence_and_an_article_that_stands(db: Database, slug: str) -> None:
    with pytest.raises(InvalidError), db.transaction() as session:
        revising.withdraw(session, slug, " ")
    with pytest.raises(NotFoundError), db.transaction() as session:
        revising.withdraw(session, "no-such-story", "Gone.")
    with db.transaction() as session:
        revising.withdraw(session, slug, "Gone.")
    with pytest.raises(ConflictError), db.transaction() as session:
        revising.withdraw(session, slug, "Gone.")
    with db.reading() as session:
        numbers = session.scalars(select(Revision.number).join(Article).order_by(Revision.number)).all()
    assert numbers == [1, 2]
