"""Today and the wire: what goes out next, what needs somebody, the worst first; and the list of all digests."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import delete, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR, Actor, ActorKind
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.ledger.models import Batch, BatchState, ClockTick
from newsletter.digests import draft_articles, scheduling
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.operations.digest_samples import send_sample
from newsletter.public_record import digest_list, tallies
from newsletter.subscribers.preferences import Preferences
from newsletter.web.desk import cached_findings, live_parts, poll_cache, sending
from newsletter.web.desk.value_cache import ValueCache
from tests.factories import add_article, add_digest, add_readers, hand_over, send_digest
from tests.services.desk import DeskClient
from tests.services.statements import statements

MOST_QUERIES = 15


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "workers_running", lambda: 1)
    monkeypatch.setattr(live_parts, "_line", ValueCache(0.0))
    monkeypatch.setattr(poll_cache, "HOLDS_FOR", -1.0)


def tick(db: Database) -> None:
    with db.transaction() as session:
        session.add(ClockTick(number=1, ticked_at=clock.now()))


def schedule(db: Database, settings: Settings, digest: int, after: timedelta) -> None:
    with db.transaction() as session:
        scheduling.schedule_digest(session, settings, digest, clock.now() + after, by=OPERATOR)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


def wire_of(person: DeskClient) -> str:
    """The line as a poll has it."""
    return text_of(person.get("/desk/wire?version=none").text)


def test_an_empty_desk_says_so(db: Database, editor: DeskClient) -> None:
    page = text_of(editor.get("/desk").text)
    assert "Nothing is scheduled." in page
    assert "Nothing needs you." in page
    assert "No digest was sent yet." in page
    assert "Nothing is scheduled mails stay on this machine" in wire_of(editor)
    assert "No digest yet." in editor.get("/desk/digests").text
    assert "No digest fits" in editor.get("/desk/digests?status=sent").text


def test_what_needs_somebody_stands_worst_first(db: Database, settings: Settings, editor: DeskClient) -> None:
    tick(db)
    add_article(db, "A story")
    add_readers(db, 3)
    doubted, overdue, held = send_digest(db, settings), add_digest(db), add_digest(db)
    blocked = add_digest(db)
    schedule(db, settings, blocked, timedelta(hours=14, minutes=18, seconds=30))
    with db.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.IN_DOUBT, outcomes=b"??a"))
        late = clock.now() - timedelta(hours=2, minutes=42)
        paused = {"status": DigestStatus.PAUSED, "paused_reason": "overdue", "scheduled_at": late}
        session.execute(update(Digest).where(Digest.id == overdue).values(**paused))
        session.execute(update(Digest).where(Digest.id == held).values(status="paused", paused_reason="editor"))
        session.execute(delete(DigestArticle).where(DigestArticle.digest_id == blocked))
    page = editor.get("/desk").text
    pills = re.findall(r'<span class="pill (\w+)">([^<]+)</span> <b>', page)
    assert pills == [("bad", "In doubt"), ("bad", "Overdue"), ("care", "Paused"), ("care", "Blocks")]
    assert "is 2 h 42 min late" in text_of(page).replace("\xa0", " ")
    assert f'href="/desk/digests/{doubted}/sending#doubt"' in page
    assert f'href="/desk/digests/{overdue}/sending"' in page
    assert "Sending: weekly letter 33 % 1 batch in doubt Decide" in wire_of(editor)
    with db.transaction() as session:
        session.execute(update(Digest).where(Digest.id == doubted).values(status="sent", sent_at=clock.now()))
        session.execute(update(Batch).values(state=BatchState.DONE, outcomes=b"aaa"))
        session.execute(update(Digest).where(Digest.id.in_((overdue, held))).values(status="cancelled"))
    assert re.search(
        r"Next: weekly letter t\w+, \d\d:\d\d UTC in 14 h 18 min 3 readers \d findings? blocks? it Open",
        wire_of(editor),
    )


def test_today_has_the_next_digest_by_edition(db: Database, settings: Settings, editor: DeskClient) -> None:
    tick(db)
    for title, section in (("A", "Policy"), ("B", "Research")):
        add_article(db, title, section=section)
    add_readers(db, 3)
    add_readers(db, 2, start=4, sections=["Policy"])
    add_readers(db, 1, start=6, sections=["Gardening"])
    schedule(db, settings, add_digest(db), timedelta(hours=10, minutes=25, seconds=30))
    first = editor.get("/desk").text
    assert "data-now" in first, "the first poll counts them"
    assert 'href="/desk?count=editions"' in first
    assert '<span aria-hidden="true">10<small> h</small></span> <span aria-hidden="true">25<small> min</small>' in first
    for page in (editor.get("/desk/today?version=none").text, editor.get("/desk").text):
        rows = [text_of(each).strip() for each in re.findall(r"<tr>(?!<th scope=.col).*?</tr>", page)]
        assert rows[:4] == [
            "All 2 stories23",
            "Policy only12",
            "Nothing fits: no mail01",
            "All readers of this letter6",
        ]
        assert "Of 6" in page
    assert "data-now" not in editor.get("/desk").text


def test_the_last_digest_adds_up(db: Database, settings: Settings, editor: DeskClient) -> None:
    add_article(db, "A story")
    add_readers(db, 2)
    add_readers(db, 1, start=3, sections=["Gardens"])
    number = hand_over(db, settings)
    with db.transaction() as session:
        tallies.tally_digest(session, settings, number)
    page = text_of(editor.get("/desk").text)
    assert re.search(r"of 3 readers, 2 accepted in .*?, 0 refused, 1 skipped\.", page)


def test_today_says_who_changed_a_draft_last(
    db: Database, settings: Settings, editor: DeskClient, admin: DeskClient
) -> None:
    add_article(db, "A")
    add_article(db, "B")
    draft = add_digest(db)
    assert "Digest of 2 stories" in text_of(editor.get("/desk").text)
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, "b", by=Actor(ActorKind.EDITOR, editor.number))
    assert re.search(r"Digest of 1 story</td><td data-l=.Who.><bdi>you</bdi>", editor.get("/desk").text)
    assert not re.search(r"Digest of 1 story</td><td data-l=.Who.><bdi>you</bdi>", admin.get("/desk").text)


def test_digests_are_found_by_words(db: Database, settings: Settings, editor: DeskClient) -> None:
    add_article(db, "A story about fjords")
    add_readers(db, 1)
    sent = hand_over(db, settings)
    with db.transaction() as session:
        session.execute(update(Digest).values(subject="Nothing of the kind"))
    draft = add_digest(db)
    with db.transaction() as session:
        session.execute(update(Digest).where(Digest.id == draft).values(subject="50 % more Fjords"))

    def found(words: str) -> list[int]:
        page = editor.get(f"/desk/digests?{urlencode({'q': words})}").text
        return [int(each) for each in re.findall(r'<th scope="row"><a href="/desk/digests/(\d+)/', page)]

    assert found("fjords") == [draft, sent]
    assert found("50 %") == [draft]
    assert found("nowhere") == []
    assert "No digest fits" in editor.get("/desk/digests?q=nowhere").text


def test_a_clock_that_does_not_run_is_said(db: Database, settings: Settings, editor: DeskClient) -> None:
    add_article(db, "A story")
    digest = add_digest(db)
    schedule(db, settings, digest, timedelta(hours=1))
    assert "The clock has not run yet" in text_of(editor.get("/desk").text)
    assert "the clock is not running" in wire_of(editor)
    tick(db)
    assert "the clock is not running" not in wire_of(editor)


def test_the_wire_answers_204_until_it_says_something_else(
    db: Database, settings: Settings, editor: DeskClient
) -> None:
    tick(db)
    with clock.set_to(clock.now()):
        shown = re.search(r'data-live="/desk/wire" data-version="([^"]+)"', editor.get("/desk/account").text)
        assert shown
        assert editor.get(f"/desk/wire?version={shown[1]}").status_code == 204
        assert editor.get("/desk/today?version=none").status_code == 200
        add_article(db, "A story")
        schedule(db, settings, add_digest(db), timedelta(hours=1))
        assert editor.get(f"/desk/wire?version={shown[1]}").status_code == 200


def test_the_list_has_what_waits_first_then_the_newest(
    db: Database, settings: Settings, editor: DeskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_list, "PAGE_SIZE", 2)
    add_article(db, "A story")
    add_readers(db, 3)
    sent = [hand_over(db, settings) for _ in range(3)]
    with db.transaction() as session:
        for digest in sent:
            tallies.tally_digest(session, settings, digest)
    draft, scheduled = add_digest(db, cadence=Cadence.DAILY), add_digest(db)
    schedule(db, settings, scheduled, timedelta(hours=1))
    page = editor.get("/desk/digests").text
    assert re.findall(r'<th scope="row"><a href="/desk/digests/(\d+)/', page) == [
        str(each) for each in (scheduled, draft, sent[2], sent[1])
    ]
    older = re.search(r'href="(/desk/digests\?before=\d+)"', page)
    assert older
    assert re.findall(r'<th scope="row"><a href="/desk/digests/(\d+)/', editor.get(older[1]).text) == [str(sent[0])]
    daily = editor.get("/desk/digests?cadence=daily").text
    assert re.findall(r'<th scope="row"><a href="/desk/digests/(\d+)/', daily) == [str(draft)]
    assert '<td class="r" data-l="Accepted">3</td>' in page


def test_no_page_has_more_than_15_queries(
    db: Database, settings: Settings, admin: DeskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(db)
    for number in range(10):
        add_article(db, f"Story {number}")
    add_readers(db, 30)
    sent, doubted, draft = hand_over(db, settings), send_digest(db, settings), add_digest(db)
    with db.transaction() as session:
        session.execute(update(Batch).where(Batch.digest_id == doubted).values(state="in_doubt", outcomes=b"?" * 30))
    for hours in range(1, 4):
        schedule(db, settings, add_digest(db), timedelta(hours=hours))
    send_sample_to_folder(settings, admin, draft)
    paths = ["", "/digests", "/outbox", "/wire?version=", "/today?version="]
    paths += [f"/digests/{each}/sending" for each in (sent, doubted, draft)]
    paths += [f"/digests/{doubted}/{page}" for page in ("sending/changes", "batches", "cancel", "schedule")]
    paths += [f"/digests/{draft}/{page}" for page in ("schedule", "schedule/times?day=2999-01-01&time=07:00", "test")]
    admin.get("/desk")  # the preflight of what is scheduled is kept from here on
    for path in paths:
        monkeypatch.setattr(sending, "_shown", ValueCache(0.0))
        with statements(db) as found:
            assert admin.get(f"/desk{path}").status_code == 200
        own = [each for each in found if not each.startswith(("PRAGMA", "SET", "SHOW"))]
        assert len(own) <= MOST_QUERIES, (path, len(own), own)
    assert cached_findings._found.find((0, 0)) is None


def send_sample_to_folder(settings: Settings, admin: DeskClient, digest: int) -> None:
    from newsletter.core.runtime import runtime

    assert settings.mail_transport == "maildir"
    send_sample(runtime(), digest, "admin@dispatch.example", Preferences())
