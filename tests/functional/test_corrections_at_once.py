"""A serious correction can be mailed at once: to those who were sent the mistake and still read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.cli import cli
from newsletter.core import clock, public_paths
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.languages import language_of
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import cancelling
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.letters import going_out
from newsletter.delivery.reports.report import digest_report
from newsletter.digests import composing, correcting, draft_articles, lifecycle, preflight, scheduling
from newsletter.digests.findings import blocking
from newsletter.digests.models import DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest
from tests.services.corrections import add_readers, change_reader, correct, drain, send, told, words_of

POLICY = Preferences(sections=("Policy",))
NOTE = "Nobody died in the fire."


@pytest.fixture
def story(db: Database) -> str:
    return add_article(db, "A story")


def draft(db: Database, slug: str) -> int:
    with db.transaction() as session:
        return correcting.draft_correction(session, slug).id


def test_exactly_those_who_were_sent_the_mistake_and_still_read_get_it(
    db: Database, settings: Settings, story: str
) -> None:
    add_article(db, "Another story", section="Research")
    late_riser = Preferences(sections=("Policy",), hour=23, zone="Pacific/Auckland")
    weekly, paused, riser, gone, research = add_readers(
        db, POLICY, POLICY, late_riser, POLICY, Preferences(sections=("Research",))
    )
    strict, monthly = add_readers(db, Preferences(language="de"), Preferences("monthly", breaking=True))
    send(db, settings, add_digest(db))
    drain(db, settings)
    with clock.set_to(clock.now() + timedelta(days=1)):
        drain(db, settings)
    change_reader(db, paused, paused_until=clock.now().date() + timedelta(days=30))
    change_reader(db, gone, status="unsubscribed", unsubscribed_at=clock.now())
    change_reader(db, strict, min_trust=100, cadence=Cadence.MONTHLY)
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        assert (digest.cadence, digest.subject) == (Cadence.CORRECTION, "Correction: A story")
        assert blocking(preflight.check_digest(session, settings, digest)) == []
    mails = send(db, settings, digest_id)
    assert set(mails) == told(mails, NOTE) == {weekly, paused, riser, strict}
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        assert digest.letter_name is not None
        assert digest.letter_name.endswith("-correction")
        report = digest_report(session, digest_id)
        assert report.recipients == report.accepted == 4
        assert session.scalars(select(Batch.due_at).where(Batch.digest_id == digest_id)).unique().all() == [None]
    following = send(db, settings, add_digest(db))
    assert told(following, NOTE) == set()
    assert set(following) >= {weekly, research}
    assert monthly not in mails


def test_its_mail_says_what_was_wrong_and_what_is_right(db: Database, settings: Settings, story: str) -> None:
    english, german = add_readers(db, Preferences(), Preferences(language="de"))
    send(db, settings, add_digest(db))
    with db.transaction() as session:
        before = revising.current_revision(session, revising.lock_article(session, story))
        bullets = ["Nobody died.", *before.bullets[1:-1]]
        changes = {"title": "A fire in which nobody died", "bullets": bullets, "trust": 55}
        was = [before.bullets[0], before.bullets[-1]]
        assert revising.revise(session, story, changes, Change(RevisionKind.CORRECTION, NOTE, serious=True))
    mails = send(db, settings, draft(db, story))
    message, text = mails[english], words_of(mails[english])
    assert message.subject == "Correction: A fire in which nobody died"
    for part in (text, message.html):
        for expected in (
            *("We sent you a story that was wrong", NOTE, "We wrote:", "Now it says:", "That is taken out."),
            *("Nobody died.", "Trust 55 of 100", "sent you the story that it corrects"),
            *(f"https://letters.example.org/articles/{story}", f"/articles/{story}/revisions"),
        ):
            assert expected in part
        assert "Ko-fi" not in part
    for sentence in was:
        assert " ".join(sentence.split()) in text
    words = language_of("de")
    assert words.gettext("We sent you a story that was wrong") in words_of(mails[german])
    assert words.gettext("We sent you a story that was wrong") != "We sent you a story that was wrong"


def test_it_is_compared_with_what_was_sent(db: Database, settings: Settings, story: str) -> None:
    """An earlier correction may have been published and never told."""
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    with db.transaction() as session:
        revising.revise(session, story, {"title": "Never sent", "trust": 60}, Change(RevisionKind.CORRECTION, "Once."))
        revising.revise(session, story, {"title": "Right", "trust": 55}, Change(RevisionKind.CORRECTION, NOTE, True))
    mail = send(db, settings, draft(db, story))[reader]
    assert "We wrote: A story Now it says: Right" in words_of(mail)
    assert "Never sent" not in words_of(mail)
    for part in (words_of(mail), mail.html):
        assert "Trust 55 of 100 · low (69 when we sent it)" in part


def test_a_withdrawal_is_mailed_as_one(db: Database, settings: Settings, story: str) -> None:
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    with db.transaction() as session:
        revising.revise(session, story, {"title": "Another headline", "trust": 55})
        revising.withdraw(session, story, "The witness was made up.")
    mails = send(db, settings, draft(db, story))
    assert mails[reader].subject == "Withdrawn: Another headline"
    assert "We have withdrawn a story that we sent you" in words_of(mails[reader])
    for part in (mails[reader].text, mails[reader].html):
        assert "We wrote:" not in part
        assert "of 100" not in part


def test_its_texts_can_be_written_and_its_articles_cannot_be_chosen(
    db: Database, settings: Settings, story: str
) -> None:
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    with db.transaction() as session, pytest.raises(InvalidError):
        draft_articles.add_article(session, digest_id, story, by=OPERATOR)
    with db.transaction() as session:
        composing.edit_draft(
            session, digest_id, subject="We were wrong", preheader="Please read this.", intro="We are sorry.",
            by=OPERATOR,
        )  # fmt: skip
    message = send(db, settings, digest_id)[reader]
    assert message.subject == "We were wrong"
    assert "We are sorry." in words_of(message)
    assert ">Please read this.<" in message.html


def test_only_a_serious_correction_that_stands_is_mailed_at_once(db: Database, story: str) -> None:
    with pytest.raises(ConflictError, match="no correction"):
        draft(db, story)
    correct(db, story, "A comma was missing.")
    with pytest.raises(ConflictError, match="not a serious one"):
        draft(db, story)
    with db.transaction() as session:
        revising.withdraw(session, story, "It is gone.")
        revising.revise(session, story, {}, Change(RevisionKind.UPDATE, "It is back."))
    with pytest.raises(ConflictError, match="not a serious one"):
        draft(db, story)


def test_a_small_correction_after_a_serious_one_does_not_keep_it_from_being_mailed(
    db: Database, settings: Settings, story: str
) -> None:
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    correct(db, story, "A comma was missing.")
    with db.transaction() as session:
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == [story]
    assert told(send(db, settings, digest_id), "A comma was missing.") == {reader}
    correct(db, story, "And a full stop.")
    with pytest.raises(ConflictError, match="not a serious one"):
        draft(db, story)


def test_an_outdated_draft_is_refused_until_it_is_refreshed(db: Database, settings: Settings, story: str) -> None:
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    correct(db, story, "Nobody was hurt.", serious=True)
    with db.transaction() as session, pytest.raises(InvalidError, match="not the newest"):
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    with db.transaction() as session:
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == [story]
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == []
    assert told(send(db, settings, digest_id), "Nobody was hurt.") == {reader}


def test_one_that_was_cancelled_halfway_is_drafted_again_for_the_rest(
    db: Database, settings: Settings, story: str
) -> None:
    first, second = add_readers(db, Preferences(), Preferences(language="de"))
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    with pytest.raises(ConflictError) as refused:
        draft(db, story)
    assert refused.value.code == "digest.correction_there"
    mails = send(db, settings, digest_id, lambda reader: ACCEPTED if reader == first else REFUSED)
    assert set(mails) == {first}
    with db.transaction() as session:
        lifecycle.cancel(session, digest_id, by=OPERATOR)
        cancelling.cancel_waiting(session)
    assert set(send(db, settings, draft(db, story))) == {second}


def test_its_letter_has_an_address_and_stands_in_the_list(
    db: Database, settings: Settings, story: str, client: FlaskClient
) -> None:
    add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    send(db, settings, digest_id)
    with db.transaction() as session:
        going_out.list_letters(session, going_out.accepted_and_unlisted(session), settings.timezone)
        name = get_digest(session, digest_id).letter_name or ""
    for language in ("en", "de"):
        page = client.get(f"{public_paths.letter(name)}?language={language}")
        assert page.status_code == 200
        assert page.text.count(NOTE) == 1
        for path in (public_paths.letter_mail(name), public_paths.letter_text(name)):
            assert NOTE in " ".join(client.get(f"{path}?language={language}").text.split())
    assert client.get(public_paths.letter_source(name)).status_code == 200
    again = "The story has changed again since."
    assert again not in client.get(public_paths.letter(name)).text
    correct(db, story, "And it was no fire.")
    assert again in client.get(public_paths.letter(name)).text
    listed = client.get(public_paths.LETTERS).text
    assert "Correction: A story" in listed
    assert "0 stories" not in listed
    assert "Correction: A story" in client.get(f"{public_paths.LETTERS}?q=died").text


def test_when_nobody_is_left_to_be_told_it_is_sent_to_nobody(db: Database, settings: Settings, story: str) -> None:
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    digest_id = draft(db, story)
    assert told(send(db, settings, add_digest(db)), NOTE) == {reader}
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest_id)
    with db.reading() as session:
        assert digest_report(session, digest_id).recipients == 0
        assert get_digest(session, digest_id).status == DigestStatus.SENDING


def test_readers_cannot_choose_the_cadence(db: Database) -> None:
    assert Cadence.CORRECTION not in READER_CADENCES


def test_the_command_drafts_it_and_says_for_whom(
    app: Flask, db: Database, settings: Settings, story: str, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        result = app.test_cli_runner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    add_readers(db, Preferences(), Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, NOTE, serious=True)
    assert "is a draft for 2 readers who were sent the mistake" in run("digests", "correct", story)
    assert f"        2  A story: {NOTE}" in run("digests", "show", "2")
    assert "Nothing but corrections" not in run("digests", "show", "2"), "of such a digest that goes without saying"
    run("digests", "preview", "2", "--out", str(tmp_path))
    assert NOTE in (tmp_path / "digest-2.html").read_text()
    assert NOTE in (tmp_path / "digest-2.txt").read_text()
    assert "Sent as “[Test] Correction: A story”" in run("digests", "test", "2", "--to", "editor@dispatch.example")
    refused = app.test_cli_runner().invoke(cli, ["digests", "correct", story])
    assert refused.exit_code == 1
    assert "`newsletter digests show 2` shows it." in refused.output
    assert run("digests", "cancel", "2") == "Digest 2 is cancelled.\n"
