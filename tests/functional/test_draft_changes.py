"""Changes of drafts: each is recorded, undone and redone by anybody, and refused on an older state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.actors import OPERATOR, Actor, ActorKind
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError, NotFoundError
from newsletter.digests import changes, composing, draft_articles, drafting, lifecycle
from newsletter.digests.models import ChangeKind, Digest, DigestArticle
from newsletter.digests.queries import get_digest
from newsletter.digests.rendering import render_digest
from tests.factories import add_article, add_digest

ANNA, BEN = Actor(ActorKind.EDITOR, 1), Actor(ActorKind.EDITOR, 2)


@pytest.fixture
def slugs(db: Database) -> list[str]:
    """Four articles, in the order in which a draft of all has them."""
    return [add_article(db, title, trust=trust) for title, trust in (("A", 90), ("B", 80), ("C", 70), ("D", 60))]


@pytest.fixture
def draft(db: Database, slugs: list[str]) -> int:
    return add_digest(db)


def state(db: Database, number: int) -> dict[str, Any]:
    """The words, the lead and the articles of a draft."""
    with db.reading() as session:
        digest = get_digest(session, number)
        names = ("subject", "preheader", "intro", "intro_with_lead", "lead_id", "written_for")
        items = [(item.revision.slug, item.own_dek, item.position) for item in digest.items]
        articles = select(DigestArticle.article_id, Revision.article_id)
        for named, of_revision in session.execute(articles.join(Revision, Revision.id == DigestArticle.revision_id)):
            assert named == of_revision
        return {**{name: getattr(digest, name) for name in names}, "items": items}


def version(db: Database, number: int) -> int:
    with db.reading() as session:
        return get_digest(session, number).version


def order(db: Database, number: int) -> str:
    """The titles in their order."""
    with db.reading() as session:
        return "".join(revision.title for revision in get_digest(session, number).revisions)


def test_every_change_can_be_undone_and_redone(db: Database, draft: int, slugs: list[str]) -> None:
    _a, b, c, d = slugs
    moves: list[Any] = [
        lambda session: draft_articles.move_article(session, draft, c, 1, by=ANNA),
        lambda session: draft_articles.drop_article(session, draft, b, by=BEN),
        lambda session: draft_articles.set_dek(session, draft, c, "Another dek", by=ANNA),
        lambda session: draft_articles.put_back(session, draft, b, by=ANNA),
        lambda session: composing.edit_draft(session, draft, subject="Words", intro="*Hi*", by=BEN),
        lambda session: composing.edit_draft(session, draft, lead=d, by=BEN),
        lambda session: draft_articles.drop_article(session, draft, d, by=ANNA),
        lambda session: draft_articles.add_article(session, draft, d, position=2, by=ANNA),
    ]
    states = [state(db, draft)]
    for move in moves:
        with db.transaction() as session:
            move(session)
        states.append(state(db, draft))
    assert len({repr(each) for each in states}) == len(states)
    for before in reversed(states[:-1]):
        with db.transaction() as session:
            changes.undo(session, draft, get_digest(session, draft).version, by=BEN)
        assert state(db, draft) == before
    with db.transaction() as session, pytest.raises(ConflictError, match="can be undone"):
        changes.undo(session, draft, get_digest(session, draft).version, by=BEN)
    for after in states[1:]:
        with db.transaction() as session:
            changes.redo(session, draft, get_digest(session, draft).version, by=ANNA)
        assert state(db, draft) == after
    with db.transaction() as session, pytest.raises(ConflictError, match="can be redone"):
        changes.redo(session, draft, get_digest(session, draft).version, by=ANNA)


def test_anybody_undoes_the_last_change_and_it_says_whose(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[0], by=ANNA)
    with db.transaction() as session:
        change = changes.undo(session, draft, get_digest(session, draft).version, by=BEN)
        assert (change.kind, change.by_id, change.undone_by_id) == (ChangeKind.DROPPED, 1, 2)
        assert change.about["title"] == "A"
    with db.transaction() as session:
        change = changes.redo(session, draft, get_digest(session, draft).version, by=BEN)
        assert (change.by_id, change.undone_at, change.undone_by_id) == (2, None, None)
    assert order(db, draft) == "BCD"


def test_a_new_change_ends_what_could_be_redone(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[0], by=ANNA)
    with db.transaction() as session:
        changes.undo(session, draft, get_digest(session, draft).version, by=ANNA)
    with db.transaction() as session:
        draft_articles.move_article(session, draft, slugs[3], 1, by=BEN)
    with db.reading() as session:
        assert changes.last_undone(session, draft) is None
        assert changes.last_change(session, draft).kind == ChangeKind.MOVED  # type: ignore[union-attr]


@pytest.mark.parametrize("first", ["Anna", "Ben"])
def test_of_two_editors_the_second_is_refused_in_either_order(
    db: Database, draft: int, slugs: list[str], first: str
) -> None:
    read = version(db, draft)

    def anna() -> None:
        with db.transaction() as session:
            draft_articles.move_article(session, draft, slugs[2], 1, version=read, by=ANNA)

    def ben() -> None:
        with db.transaction() as session:
            draft_articles.drop_article(session, draft, slugs[2], version=read, by=BEN)

    early, late = (anna, ben) if first == "Anna" else (ben, anna)
    early()
    before = state(db, draft)
    with pytest.raises(ConflictError, match="changed in the meantime") as refused:
        late()
    assert refused.value.values["read_version"] == read
    assert state(db, draft) == before
    with db.reading() as session:
        (change,) = changes.changes_since(session, draft, read)
        assert change.by_id == (1 if first == "Anna" else 2)


def test_an_undo_on_an_older_state_is_refused(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[0], by=ANNA)
    read = version(db, draft)
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[1], by=BEN)
    for move in (changes.undo, changes.redo):
        with db.transaction() as session, pytest.raises(ConflictError, match="changed in the meantime"):
            move(session, draft, read, by=ANNA)
    assert order(db, draft) == "CD"


def test_nothing_of_what_is_no_draft_is_undone(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[0], by=ANNA)
    with db.transaction() as session:
        lifecycle.schedule(session, draft, 2, clock.now() + timedelta(days=1), provider_schedule=False, by=ANNA)
    with db.transaction() as session, pytest.raises(ConflictError, match="scheduled"):
        changes.undo(session, draft, version(db, draft), by=ANNA)


def test_words_that_one_person_goes_on_typing_are_one_change(db: Database, draft: int) -> None:
    before = state(db, draft)
    for subject in ("W", "Wo", "Words"):
        with db.transaction() as session:
            composing.edit_draft(session, draft, subject=subject, by=ANNA)
    with db.transaction() as session:
        composing.edit_draft(session, draft, subject="Words of Ben", by=BEN)
    for expected in ("Words", before["subject"]):
        with db.transaction() as session:
            changes.undo(session, draft, get_digest(session, draft).version, by=ANNA)
        assert state(db, draft)["subject"] == expected
    with db.transaction() as session:
        changes.redo(session, draft, get_digest(session, draft).version, by=ANNA)
    assert state(db, draft)["subject"] == "Words"


def test_a_change_of_nothing_is_not_recorded(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.move_article(session, draft, slugs[0], 1, by=ANNA)
        draft_articles.refresh_articles(session, draft, by=ANNA)
        assert changes.last_change(session, draft) is None


def test_old_changes_are_deleted(db: Database, draft: int, slugs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT_VERSIONS", 3)
    for number in range(8):
        with db.transaction() as session:
            draft_articles.move_article(session, draft, slugs[0], 2 - number % 2, by=ANNA)
    with db.reading() as session:
        assert len(changes.recent_changes(session, draft)) <= 4


def test_put_back_finds_place_and_dek(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.set_dek(session, draft, slugs[1], "Kept", by=ANNA)
        draft_articles.drop_article(session, draft, slugs[1], by=ANNA)
        assert changes.dropped_articles(changes.recent_changes(session, draft), get_digest(session, draft)) == {
            slugs[1]: "B"
        }
        draft_articles.put_back(session, draft, slugs[1], by=BEN)
    assert order(db, draft) == "ABCD"
    assert state(db, draft)["items"][1] == (slugs[1], "Kept", 1)
    with db.transaction() as session, pytest.raises(NotFoundError, match="not taken out"):
        draft_articles.put_back(session, draft, add_article(db, "E"), by=BEN)


def test_a_dek_of_the_digest_alone_is_mailed(db: Database, settings: Settings, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.set_dek(session, draft, slugs[0], "  A dek &\nof its own ", by=ANNA)
    with db.reading() as session:
        digest = get_digest(session, draft)
        rendered = render_digest(digest, settings)
        html, text = rendered.edition(1)
        assert "A dek &amp; of its own" in html
        assert "A dek & of its own" in text
        own = digest.items[0].revision.dek
        assert own not in html
    for wrong in ("a" * 1001, "a\x00b"):
        with db.transaction() as session, pytest.raises(InvalidError):
            draft_articles.set_dek(session, draft, slugs[0], wrong, by=ANNA)
    with db.transaction() as session:
        draft_articles.set_dek(session, draft, slugs[0], own, by=ANNA)
    assert state(db, draft)["items"][0][1] == ""


def test_an_empty_draft_gets_its_subject_from_the_first_story(db: Database, slugs: list[str]) -> None:
    with db.transaction() as session:
        number = drafting.start_draft(session, Cadence.WEEKLY).id
    with db.transaction() as session:
        assert draft_articles.add_article(session, number, slugs[1], by=ANNA).subject == "B"
    with db.transaction() as session:
        changes.undo(session, number, get_digest(session, number).version, by=ANNA)
        assert get_digest(session, number).subject == ""


def test_the_rule_fills_an_empty_draft_alone(db: Database, settings: Settings, slugs: list[str]) -> None:
    with db.transaction() as session, clock.set_to(clock.now().replace(year=2026, month=5, day=4)):
        digest = drafting.start_draft(session, Cadence.WEEKLY)
        drafting.choose_by_rule(session, digest.id, settings.timezone, version=1, by=ANNA)
        assert [revision.title for revision in digest.revisions] == ["A", "B", "C", "D"]
        with pytest.raises(ConflictError, match="holds articles already"):
            drafting.choose_by_rule(session, digest.id, settings.timezone, version=2, by=ANNA)


def test_a_duplicate_is_a_draft_at_the_newest_revisions(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.set_dek(session, draft, slugs[1], "Kept", by=ANNA)
        composing.edit_draft(session, draft, subject="Words", lead=slugs[2], by=ANNA)
        lifecycle.cancel(session, draft, by=ANNA)
    with db.transaction() as session:
        copy: Digest = drafting.duplicate_digest(session, draft)
        assert (copy.status, copy.version, copy.subject) == ("draft", 1, "Words")
        assert [(item.revision.title, item.own_dek) for item in copy.items] == [
            *(("A", ""), ("B", "Kept")),
            *(("C", ""), ("D", "")),
        ]
        assert copy.lead_is_named


def test_the_command_line_is_recorded_too(db: Database, draft: int, slugs: list[str]) -> None:
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slugs[0], by=OPERATOR)
        change = changes.last_change(session, draft)
        assert change is not None
        assert (change.by_kind, change.by_id) == (ActorKind.OPERATOR, None)
