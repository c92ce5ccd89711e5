"""Corrections follow the reader: the next digest tells those who were sent the mistake, nobody else, and each once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.cli.digests.contents_text import describe_subjects
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.freezing import audience, carried_corrections, freeze, preparing
from newsletter.delivery.ledger import cancelling
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.resolving import resolve_by_editor
from newsletter.delivery.reports.subjects import count_subjects
from newsletter.delivery.reports.told import told_by
from newsletter.digests import correcting, lifecycle, mail_findings, pending_corrections, scheduling
from newsletter.digests.models import Digest, DigestCorrection
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, REFUSED
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest
from tests.services.corrections import add_readers, change_reader, correct, drain, send, told, words_of

POLICY, RESEARCH = Preferences(sections=("Policy",)), Preferences(sections=("Research",))
NOTE = "It was 38 employees, not 36."
HEAD = "Corrected since we wrote to you"


def test_the_next_digest_tells_exactly_those_who_were_sent_the_mistake(db: Database, settings: Settings) -> None:
    story = add_article(db, "A policy story", section="Policy")
    add_article(db, "A research story", section="Research")
    both, policy, research, monthly = add_readers(db, Preferences(), POLICY, RESEARCH, Preferences("monthly"))
    first = add_digest(db)
    assert set(send(db, settings, first)) == {both, policy, research}
    correct(db, story, NOTE)
    (late,) = add_readers(db, Preferences(language="de"))
    weekly = add_digest(db)
    with db.reading() as session:
        counts = count_subjects(session, settings, get_digest(session, weekly))
        assert [(each.slug, each.note, each.readers) for each in counts.corrections] == [(story, NOTE, 2)]
    mails = send(db, settings, weekly)
    assert set(mails) == {both, policy, research, late}
    assert told(mails, NOTE) == {both, policy}
    for reader, message in mails.items():
        assert (HEAD in words_of(message)) == (HEAD in message.html) == (reader in (both, policy))
    assert f"https://letters.example.org/articles/{story}/revisions" in mails[both].text
    assert told(send(db, settings, add_digest(db)), NOTE) == set()
    assert told(send(db, settings, add_digest(db, cadence=Cadence.MONTHLY)), NOTE) == set()
    with db.reading() as session:
        digest = get_digest(session, weekly)
        assert [(each.bit, each.revision.note) for each in digest.carried] == [(2, NOTE)]
        (revision_id,) = session.scalars(select(DigestCorrection.revision_id))
        (carrier,) = told_by(session, [revision_id])[revision_id]
        assert (carrier.digest_id, carrier.cadence, carrier.readers) == (weekly, Cadence.WEEKLY, 2)
        assert told_by(session, [1])[1] == []
        counts = count_subjects(session, settings, digest)
        assert [(each.slug, each.readers) for each in counts.corrections] == [(story, 2)]
        assert describe_subjects(digest, counts)[:2] == [
            "Readers who are told of a correction:",
            f"        2  A policy story: {NOTE}",
        ]
    assert monthly not in mails


def test_a_reader_who_was_sent_the_correction_is_not_told_of_it(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (early,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE)
    (late,) = add_readers(db, Preferences("daily"))
    assert set(send(db, settings, add_digest(db, cadence=Cadence.DAILY))) == {late}
    for cadence, expected in ((Cadence.DAILY, set[int]()), (Cadence.WEEKLY, {early})):
        assert told(send(db, settings, add_digest(db, cadence=cadence)), NOTE) == expected


def test_a_reader_who_changed_cadence_is_told_by_the_other_one(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    stays, moves = add_readers(db, Preferences(), Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE)
    change_reader(db, moves, cadence=Cadence.MONTHLY)
    assert told(send(db, settings, add_digest(db, cadence=Cadence.MONTHLY)), NOTE) == {moves}
    assert told(send(db, settings, add_digest(db)), NOTE) == {stays}


def test_what_breaking_news_said_is_corrected_too_and_breaking_news_carries_nothing(
    db: Database, settings: Settings
) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences(breaking=True))
    send(db, settings, add_digest(db, cadence=Cadence.BREAKING))
    correct(db, story, NOTE, serious=True)
    assert told(send(db, settings, add_digest(db, cadence=Cadence.BREAKING)), NOTE) == set()
    assert told(send(db, settings, add_digest(db)), NOTE) == {reader}


def test_readers_without_a_story_hear_of_serious_corrections_alone(db: Database, settings: Settings) -> None:
    slight, grave = add_article(db, "A slight mistake"), add_article(db, "A grave mistake")
    (reader,) = add_readers(db, POLICY)
    send(db, settings, add_digest(db))
    correct(db, slight, "A comma was missing.")
    correct(db, grave, "Nobody died.", serious=True)
    change_reader(db, reader, sections=["Hardware"])
    (other,) = add_readers(db, Preferences(sections=("Gardening",)))
    weekly = add_digest(db)
    with db.transaction() as session:
        digest = get_digest(session, weekly)
        digest.intro, digest.preheader = "Two stories stood out.", "What the stories say."
        counts = count_subjects(session, settings, digest)
        assert (counts.corrections_alone, counts.without_article, counts.mailed) == (1, 1, 1)
        assert "Nothing but corrections is left for 1 reader." in describe_subjects(digest, counts)
    mails = send(db, settings, weekly)
    assert set(mails) == {reader}
    assert (told(mails, "Nobody died."), told(mails, "A comma was missing.")) == ({reader}, set())
    message = mails[reader]
    assert message.subject == "Correction: A grave mistake"
    assert ">Nobody died.<" in message.html
    for promise in ("A slight mistake", "stood out", "What the stories say"):
        assert promise not in message.html
    change_reader(db, reader, sections=None)
    mails = send(db, settings, add_digest(db))
    assert (told(mails, "Nobody died."), told(mails, "A comma was missing.")) == (set(), {reader})
    assert other not in mails


def test_a_refused_mail_told_nobody_and_one_in_doubt_counts_until_it_is_resolved(
    db: Database, settings: Settings
) -> None:
    story = add_article(db, "A story")
    not_sent, refused, doubted = add_readers(db, *[Preferences()] * 3)
    send(db, settings, add_digest(db), lambda reader: REFUSED if reader == not_sent else ACCEPTED)
    correct(db, story, NOTE)
    weekly = add_digest(db)
    mails = send(db, settings, weekly, {not_sent: ACCEPTED, refused: REFUSED, doubted: IN_DOUBT}.__getitem__)
    assert told(mails, NOTE) == {doubted}
    assert told(send(db, settings, add_digest(db)), NOTE) == {refused}
    with db.transaction() as session:
        batch = session.scalars(select(Batch).where(Batch.state == BatchState.IN_DOUBT)).one()
        resolve_by_editor(session, batch.digest_id, batch.id, was_sent=False)
        assert batch.digest_id == weekly
        lifecycle.cancel(session, weekly, by=OPERATOR)
    with db.transaction() as session:
        cancelling.cancel_waiting(session)
    assert told(send(db, settings, add_digest(db)), NOTE) == {doubted}
    assert told(send(db, settings, add_digest(db)), NOTE) == set()


def test_a_digest_that_waits_to_be_sent_counts_as_one_that_told(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE)
    first, second = add_digest(db), add_digest(db)
    with db.transaction() as session:
        for digest_id in (first, second):
            scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, first)
    assert freeze.freeze_digest(db, settings, second)
    mails = drain(db, settings)
    with db.reading() as session:
        assert [len(get_digest(session, each).carried) for each in (first, second)] == [1, 0]
    assert set(mails) == {reader}


def test_two_freezes_at_the_same_moment_tell_a_reader_once(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    second = add_digest(db)
    with db.transaction() as session:
        first = correcting.draft_correction(session, story).id  # of another name, which is no reason to begin again
        for digest_id in (first, second):
            scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assign = carried_corrections.assign_corrections

    def assign_while_another_freezes(*args: Any) -> carried_corrections.CorrectedAudience:
        corrected = assign(*args)
        monkeypatch.undo()
        assert freeze.freeze_digest(db, settings, first)
        return corrected

    monkeypatch.setattr(preparing, "assign_corrections", assign_while_another_freezes)
    assert not freeze.freeze_digest(db, settings, second)
    assert freeze.freeze_digest(db, settings, second)
    with db.reading() as session:
        assert [len(get_digest(session, each).carried) for each in (first, second)] == [1, 0]
    assert reader in drain(db, settings)


def test_only_the_newest_correction_of_a_story_is_told(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "The first sentence.")
    correct(db, story, "The second sentence.")
    mails = send(db, settings, add_digest(db))
    assert (told(mails, "The first sentence."), told(mails, "The second sentence.")) == (set(), {reader})
    correct(db, story, "The third sentence.")
    assert told(send(db, settings, add_digest(db)), "The third sentence.") == {reader}


def test_a_withdrawal_is_told_unless_it_was_taken_back(db: Database, settings: Settings) -> None:
    gone, back, both = (add_article(db, title) for title in ("Gone", "Back", "Both"))
    add_article(db, "A story that stays")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, both, "It was corrected first.")
    with db.transaction() as session:
        for slug in (gone, back, both):
            revising.withdraw(session, slug, f"We withdraw “{slug}”.")
        for slug in (back, both):
            assert revising.revise(session, slug, {}, Change(RevisionKind.UPDATE, "It stands."))
    mails = send(db, settings, add_digest(db))
    assert told(mails, "We withdraw “gone”.") == {reader}
    assert "withdrawn" in words_of(mails[reader])
    assert told(mails, "We withdraw “back”.") == told(mails, "We withdraw “both”.") == set()
    assert told(mails, "It was corrected first.") == {reader}


def test_an_old_correction_is_told_no_more(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    with clock.set_to(clock.now() - pending_corrections.TOLD_WITHIN - timedelta(minutes=1)):
        correct(db, story, NOTE)
    assert told(send(db, settings, add_digest(db)), NOTE) == set()
    with db.transaction() as session:  # that it was published long ago is another thing
        published = clock.now() - 2 * pending_corrections.TOLD_WITHIN
        change = Change(RevisionKind.CORRECTION, "Newly known.", published_at=published)
        assert revising.revise(session, story, {"checked_by": "Somebody"}, change)
    assert told(send(db, settings, add_digest(db)), "Newly known.") == {reader}


@pytest.mark.parametrize(("stories", "places"), [(12, 10), (60, 3)])
def test_what_does_not_fit_waits_for_the_next_digest(
    db: Database, settings: Settings, stories: int, places: int
) -> None:
    slugs = [add_article(db, f"Story number {number}") for number in range(stories)]
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    for number, slug in enumerate(slugs[:12]):
        with clock.set_to(clock.now() - timedelta(days=1) + timedelta(minutes=number)):
            correct(db, slug, f"Sentence {number:02}, put right.", serious=number == 11)
    order = [11, *range(11)]
    for turn in range(2):
        mails = send(db, settings, add_digest(db))
        heard = [number for number in order if told(mails, f"Sentence {number:02}, put right.") == {reader}]
        assert heard == order[places * turn : places * (turn + 1)]


def test_a_correction_that_makes_the_mail_too_large_waits_and_blocks_nothing(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slugs = [add_article(db, f"Story number {number}") for number in range(4)]
    (reader,) = add_readers(db, Preferences())
    mails = send(db, settings, add_digest(db))
    size = len(mails[reader].html.encode())
    for number, slug in enumerate(slugs):
        correct(db, slug, f"Sentence {number}, put right.")
    monkeypatch.setattr(mail_findings, "LARGEST", size + 4_000)
    heard = []
    for _ in range(3):
        mails = send(db, settings, add_digest(db))
        heard.append([number for number in range(4) if told(mails, f"Sentence {number}, put right.")])
    assert [number for numbers in heard for number in numbers] == [0, 1, 2, 3]
    assert 0 < len(heard[0]) < 4


def test_a_correction_after_the_scheduling_goes_along(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    weekly = add_digest(db)
    with db.transaction() as session:
        scheduling.send_now(session, settings, weekly, by=OPERATOR)
    correct(db, story, NOTE)
    assert freeze.freeze_digest(db, settings, weekly)
    assert told(drain(db, settings), NOTE) == {reader}


def test_the_number_of_a_reader_who_was_erased_is_nobody_s(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    erased, stays = add_readers(db, Preferences(), Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE)
    with db.transaction() as session:
        session.delete(session.get_one(Subscriber, erased))
    (new,) = add_readers(db, Preferences())
    assert new not in (erased, stays)
    assert told(send(db, settings, add_digest(db)), NOTE) == {stays}


def test_a_digest_without_any_reader_is_frozen_beside_a_correction(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE)
    assert send(db, settings, add_digest(db, cadence=Cadence.DAILY)) == {}
    with db.reading() as session:
        assert session.scalars(select(Digest.cadence).order_by(Digest.id.desc())).first() == Cadence.DAILY
        assert audience.count_masks(session, settings, Cadence.DAILY, [], begins=clock.now()) == {}
