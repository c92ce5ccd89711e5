"""Watching and deciding at the desk: each state in its sentence, doubts, refusals, polls that write nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert, select, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.delivery.ledger.models import Batch, BatchState, Edition, Refusal
from newsletter.digests import lifecycle
from newsletter.digests.models import PausedReason
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, WAITING
from newsletter.staff.models import AuditEntry, StaffSession
from newsletter.web.desk import poll_cache, sending
from newsletter.web.desk.sending_bar import MOST_SEGMENTS
from newsletter.web.desk.value_cache import ValueCache
from tests.factories import add_article, add_readers, hand_over, schedule_now, send_digest, state_of
from tests.services import desk
from tests.services.desk import DeskClient


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "workers_running", lambda: 1)
    monkeypatch.setattr(poll_cache, "HOLDS_FOR", -1.0)
    monkeypatch.setattr(sending, "_shown", ValueCache(0.0))


@pytest.fixture
def digest(db: Database, settings: Settings) -> int:
    """Frozen for three readers."""
    add_article(db, "A story")
    add_readers(db, 3)
    return send_digest(db, settings)


def change(db: Database, digest: int, **values: object) -> None:
    """Set columns of the digest's batches: what a worker would have left."""
    with db.transaction() as session:
        session.execute(update(Batch).where(Batch.digest_id == digest).values(**values))


def doubt(db: Database, digest: int) -> int:
    """Let the one batch be in doubt; its number."""
    note = "The server closed the connection."
    change(db, digest, state=BatchState.IN_DOUBT, outcomes=b"a??", note=note, attempted_at=clock.now())
    with db.reading() as session:
        return int(session.scalars(select(Batch.id)).one())


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


def line_of(person: DeskClient, digest: int) -> str:
    """The sentence of the page."""
    page = person.get(f"/desk/digests/{digest}/sending").text
    return text_of(page[page.index('class="lead">') + 13 :].partition("</p>")[0]).strip()


def version_of(page: str) -> str:
    found = re.search(r'/sending/changes" data-version="([^"]+)"', page)
    assert found
    return found[1]


def test_its_state_is_a_sentence(
    db: Database, settings: Settings, editor: DeskClient, digest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line_of(editor, digest) == "0 % is accepted. How long it takes is known in a few seconds."
    ago = clock.now() - timedelta(seconds=10)
    change(db, digest, state=BatchState.SENDING, outcomes=b"aaw", attempted_at=ago)
    assert "66 % is accepted. 1 mails a second; about 1 min to go, until " in line_of(editor, digest)
    later = clock.now() + timedelta(minutes=5)
    change(db, digest, state=BatchState.READY, not_before=later, failures=2, note="429 too many requests")
    assert "takes nothing until" in line_of(editor, digest)
    assert "Its last answer: “429 too many requests” It goes on by itself." in line_of(editor, digest)
    change(db, digest, failures=0, not_before=later, due_at=later, note=None)
    assert "Waiting for their hour. Accepted for 2; 1 chose an hour, the next 1 at" in line_of(editor, digest)
    change(db, digest, due_at=None, not_before=None)
    monkeypatch.setattr(sending, "workers_running", lambda: 0)
    assert "No worker is running. Nothing is lost" in line_of(editor, digest)
    monkeypatch.setattr(sending, "workers_running", lambda: None)
    assert "The queue does not answer" in line_of(editor, digest)


def test_sent_and_cancelled_say_for_how_many(db: Database, settings: Settings, editor: DeskClient) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    assert re.match(r"Sent\. 3 of 3 accepted in \d+\s", line_of(editor, hand_over(db, settings)))
    waiting = schedule_now(db, settings)
    assert "It starts. The clock writes its readers down" in line_of(editor, waiting)
    assert editor.post(f"/desk/digests/{waiting}/cancel").status_code == 303
    assert line_of(editor, waiting) == "Cancelled."


def test_pause_resume_and_cancel_with_numbers(db: Database, editor: DeskClient, digest: int) -> None:
    change(db, digest, outcomes=b"aaw")
    assert editor.post(f"/desk/digests/{digest}/pause").status_code == 303
    assert re.fullmatch(r"Paused by Editor Example at \d\d:\d\d\. 1 reader waits\.", line_of(editor, digest))
    again = editor.post(f"/desk/digests/{digest}/pause")
    assert again.status_code == 409
    assert "Nothing was changed." in again.text
    assert editor.post(f"/desk/digests/{digest}/resume").status_code == 303
    question = text_of(editor.get(f"/desk/digests/{digest}/cancel").text)
    assert "2 readers have it. Cancel for the other 1? This cannot be undone." in question
    assert editor.post(f"/desk/digests/{digest}/cancel").status_code == 303
    state = state_of(db, digest)
    assert (state.status, state.accepted, state.cancelled) == ("cancelled", 2, 1)
    with db.reading() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-3:] == ["digests.paused", "digests.resumed", "digests.cancelled"]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("resume", {}),
        ("cancel", {}),
        ("retry", {"reason": "550"}),
        ("resolve", {"batch": "1", "decision": "again"}),
        ("send", {}),
    ],
)
def test_hard_things_need_a_recent_proof(
    db: Database, editor: DeskClient, digest: int, path: str, data: dict[str, str]
) -> None:
    desk.outdate_proof(db, editor.number)
    answer = editor.post(f"/desk/digests/{digest}/{path}", data)
    assert answer.status_code == 403
    assert "Is it you?" in answer.text
    assert editor.post(f"/desk/digests/{digest}/pause").status_code == 303, "pausing is urgent, and can be undone"


@pytest.mark.parametrize(("decision", "expected"), [("again", "aww"), ("accepted", "aaa")])
def test_a_doubt_has_two_equal_ways_out(
    db: Database, editor: DeskClient, author: DeskClient, digest: int, decision: str, expected: str
) -> None:
    batch = doubt(db, digest)
    page = editor.get(f"/desk/digests/{digest}/sending").text
    shown = text_of(page)
    assert "Batch 1: we do not know whether 2 readers got their letter" in shown
    assert "The server closed the connection." in shown
    assert "If they were taken, 2 readers get the letter twice." in shown
    assert "If they were not, 2 readers miss this letter." in shown
    buttons = re.findall(r'<button id="(?:again|accepted)-\d+"( class="quiet")>', page)
    assert buttons == [' class="quiet"'] * 2, "neither is proposed"
    assert "Send it again" not in author.get(f"/desk/digests/{digest}/sending").text
    data = {"batch": str(batch), "decision": decision}
    assert editor.post(f"/desk/digests/{digest}/resolve", data).status_code == 303
    with db.reading() as session:
        assert session.scalars(select(Batch.outcomes)).one() == expected.encode()
    too_late = editor.post(f"/desk/digests/{digest}/resolve", data)
    assert too_late.status_code == 409
    assert "is not in doubt" in too_late.text


def test_the_refused_are_tried_again_by_their_reason(db: Database, editor: DeskClient, digest: int) -> None:
    change(db, digest, state=BatchState.DONE, outcomes=b"rra")
    with db.transaction() as session:
        for reader, reason in ((1, "550 5.7.1 blocked 12"), (2, "552 5.2.2 full")):
            session.add(Refusal(digest_id=digest, subscriber_id=reader, reason=reason, temporary=False))
    page = editor.get(f"/desk/digests/{digest}/sending").text
    assert page.count("Try these again") == 2
    group = re.search(r'name="reason" value="(550[^"]*)"', page)
    assert group
    assert editor.post(f"/desk/digests/{digest}/retry", {"reason": unescape(group[1])}).status_code == 303
    with db.reading() as session:
        assert session.scalars(select(Batch.outcomes)).one() == b"wra"


def test_a_poll_names_its_version_and_writes_nothing(
    db: Database, editor: DeskClient, digest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = version_of(editor.get(f"/desk/digests/{digest}/sending").text)
    path = f"/desk/digests/{digest}/sending/changes"
    with db.transaction() as session:
        seen = clock.now() - timedelta(minutes=20)
        session.execute(update(StaffSession).values(last_seen_at=seen))
    assert editor.get(f"{path}?version={version}").status_code == 204
    assert editor.get(f"{path}?version={version}").status_code == 204, "looked at anew, it is the same"
    change(db, digest, outcomes=b"aww")
    changed = editor.get(f"{path}?version={version}")
    assert changed.status_code == 200
    assert "33 % is accepted" in text_of(changed.text)
    assert "<html" not in changed.text
    assert changed.headers["X-Page-Version"] != version
    with db.reading() as session:
        assert session.scalars(select(StaffSession.last_seen_at)).all() == [seen], "a poll is no activity"
    with db.transaction() as session:
        session.execute(update(StaffSession).values(last_seen_at=clock.now() - timedelta(hours=1)))
    signed_out = editor.get(path, headers={"HX-Request": "true"})
    assert signed_out.status_code == 401
    assert "You are signed out." in signed_out.text


def test_a_poll_that_is_kept_is_answered_to_whoever_is_signed_in_alone(
    db: Database, admin: DeskClient, editor: DeskClient, digest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_cache, "HOLDS_FOR", 60.0)
    path = f"/desk/digests/{digest}/sending/changes"
    poll = f"{path}?version={version_of(editor.get(f'/desk/digests/{digest}/sending').text)}"
    first = editor.get(poll)
    monkeypatch.setattr(sending, "_look", lambda number: pytest.fail("the answer was not kept"))
    second = editor.get(poll)
    assert (first.status_code, second.status_code) == (204, 204)
    assert [(name, value) for name, value in first.headers if name != "Date"] == list(second.headers)
    assert second.headers["Cache-Control"] == "no-store"
    assert admin.client.application.test_client().get(poll).status_code == 303, "nobody"
    assert editor.get(poll, headers={"Host": "evil.example"}).status_code == 421
    assert admin.post(f"/desk/people/{editor.number}/remove").status_code == 303
    assert editor.get(poll).status_code == 303, "out at once"
    assert admin.get(poll).status_code == 204


def test_batches_are_read_once_in_a_while_and_at_once_after_an_action(
    db: Database, editor: DeskClient, digest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million readers are a thousand batches: pages that are opened one after the other share them."""
    monkeypatch.setattr(sending, "_shown", ValueCache(60.0))
    assert line_of(editor, digest).startswith("0 % is accepted.")
    change(db, digest, outcomes=b"aaw")
    assert line_of(editor, digest).startswith("0 % is accepted.")
    question = text_of(editor.get(f"/desk/digests/{digest}/cancel").text)
    assert "0 readers have it." in question
    done = editor.get(f"/desk/digests/{digest}/sending?done=accepted").text
    assert "66 % is accepted." in text_of(done)
    change(db, digest, outcomes=b"aaa")
    with db.transaction() as session:
        lifecycle.pause(session, digest, PausedReason.EDITOR, None, by=OPERATOR)
    assert line_of(editor, digest) == "Paused.", "at the command line, say"
    assert "3 readers have it." in text_of(editor.get(f"/desk/digests/{digest}/cancel").text)


def test_many_batches_make_a_page_of_a_bounded_size(db: Database, editor: DeskClient, digest: int) -> None:
    states = (BatchState.DONE, BatchState.READY, BatchState.IN_DOUBT)
    outcomes = {BatchState.DONE: ACCEPTED, BatchState.READY: WAITING, BatchState.IN_DOUBT: IN_DOUBT}
    with db.transaction() as session:
        edition = session.scalars(select(Edition.id)).one()
        rows = [
            {
                "digest_id": digest,
                "edition_id": edition,
                "state": states[number % 3],
                "outcomes": bytes([outcomes[states[number % 3]]]) * 1000,
                "recipients": b"",
                "first_id": 0,
                "last_id": 0,
            }
            for number in range(1000)
        ]
        session.execute(insert(table_of(Batch)), rows)
    page = editor.get(f"/desk/digests/{digest}/sending").text
    assert page.count("<rect") < MOST_SEGMENTS * 2 + 10
    assert len(page) < 110_000
    assert "1,000,003" not in page.partition('class="tally"')[0]
    numbers = dict(re.findall(r"<dt>([^<]+)</dt><dd>([\d,]+)", page))
    values = {name: int(value.replace(",", "")) for name, value in numbers.items()}
    assert values["Readers"] == 1_000_003 == sum(value for name, value in values.items() if name != "Readers")
    table = editor.get(f"/desk/digests/{digest}/batches?after=1000").text
    assert "1,001" in table
    assert "Earlier batches" in table


def test_the_skipped_are_told_apart(db: Database, settings: Settings, editor: DeskClient) -> None:
    add_article(db, "A story", section="Policy")
    add_readers(db, 3)
    add_readers(db, 2, start=4, sections=["Gardening"])
    number = send_digest(db, settings)
    page = " ".join(editor.get(f"/desk/digests/{number}/sending").text.split())
    assert "Skipped: 2 for whom no story fits, 0 who unsubscribed since the start." in page
