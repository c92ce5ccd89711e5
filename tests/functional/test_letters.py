"""Letters: their addresses, the time from which they can be seen, and what their pages show and hide."""

from __future__ import annotations

import email
import hashlib
import quopri
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, insert, select

from newsletter.app import create_app
from newsletter.articles import addresses, revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database, public_content, table_of
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime, runtime_of
from newsletter.delivery.freezing import freeze, preparing
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.letters import going_out
from newsletter.delivery.sending import draining
from newsletter.digests import lifecycle, scheduling
from newsletter.digests.models import Digest, DigestArticle, PausedReason
from newsletter.digests.queries import get_digest
from newsletter.digests.rendering import RenderedDigest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, REFUSED
from newsletter.operations import digest_samples
from newsletter.operations.tick import tick
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest, add_readers, hand_over, schedule_now, send_digest
from tests.services.patience import PATIENCE
from tests.services.sendgrid_standin import SendGridStandIn
from tests.services.smtp_server import Received
from tests.services.smtp_sink import SmtpSink
from tests.services.statements import statements

PARTS = ("", "/mail", "/text", "/source", "/message.txt", "/links")


def name_of(db: Database, digest_id: int) -> str:
    with db.reading() as session:
        name = get_digest(session, digest_id).letter_name
    assert name is not None
    return name


def path_of(db: Database, digest_id: int) -> str:
    return f"/letters/{name_of(db, digest_id)}"


@pytest.fixture
def sent(db: Database, settings: Settings) -> int:
    """A letter of five stories that went out."""
    for number in range(5):
        add_article(db, f"Story number {number}", section="Policy" if number else "Research")
    add_readers(db, 2)
    return hand_over(db, settings)


# The address


def test_the_address_is_the_day_in_the_publication_s_zone_and_the_cadence(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    auckland = replace(settings, timezone=ZoneInfo("Pacific/Auckland"))
    with clock.set_to(datetime(2026, 6, 2, 20, tzinfo=ZoneInfo("UTC"))):
        names = [name_of(db, send_digest(db, auckland)) for _ in range(3)]
        assert names == ["2026-06-03-weekly", "2026-06-03-weekly-2", "2026-06-03-weekly-3"]
        assert name_of(db, send_digest(db, auckland, Cadence.BREAKING)) == "2026-06-03-breaking"
    with clock.set_to(datetime(2026, 6, 3, 20, tzinfo=ZoneInfo("UTC"))):
        assert name_of(db, send_digest(db, auckland)) == "2026-06-04-weekly"


def test_of_two_freezes_at_once_one_begins_again_under_the_next_name(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the same name as free before either commits."""
    add_article(db, "A story")
    add_readers(db, 1)
    with clock.set_to(datetime(2026, 6, 2, 20, tzinfo=ZoneInfo("UTC"))):
        ids = [schedule_now(db, settings) for _ in range(2)]
        both_have_rendered, prepare = threading.Barrier(2, timeout=PATIENCE), preparing.prepare_freeze

        def prepare_together(*args: Any) -> Any:
            prepared = prepare(*args)
            both_have_rendered.wait()
            return prepared

        frozen: dict[int, bool] = {}

        def run(digest_id: int) -> None:
            frozen[digest_id] = freeze.freeze_digest(db, settings, digest_id)

        with monkeypatch.context() as patch:
            patch.setattr(preparing, "prepare_freeze", prepare_together)
            threads = [threading.Thread(target=run, args=(each,)) for each in ids]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(frozen.values()) == [False, True]
        loser = next(each for each, done in frozen.items() if not done)
        assert freeze.freeze_digest(db, settings, loser)
        assert sorted(name_of(db, each) for each in ids) == ["2026-06-02-weekly", "2026-06-02-weekly-2"]
    with db.reading() as session:
        for row in session.scalars(select(RenderedDigestRow)):
            text = RenderedDigest.from_json(row.content).edition(1)[1]
            assert f"/letters/{name_of(db, row.digest_id)}\n" in text


# From when on


@contextmanager
def site_with(settings: Settings) -> Iterator[Flask]:
    """Another application, with these settings."""
    app = create_app(settings)
    yield app
    runtime_of(app).db.dispose()


class Following(list[Received]):
    """Mails of a sink, of which each is opened as it comes: the answer to its link to the browser."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.answers: list[int] = []

    def append(self, mail: Received) -> None:
        super().append(mail)
        [path] = set(re.findall(r"https://letters.example.org(/letters/[^\s\"<]+)", text_of(mail)))
        self.answers.append(self.app.test_client().get(path).status_code)


def text_of(mail: Received) -> str:
    part = email.message_from_bytes(mail.content, policy=policy.default).get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def test_the_link_of_the_first_mail_works_when_it_arrives(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    with SmtpSink() as sink, site_with(replace(settings, mail_transport="smtp", smtp_url=sink.url)) as app:
        digest_id = send_digest(db, settings)
        assert app.test_client().get(path_of(db, digest_id)).status_code == 404, "nobody has it yet"
        sink.mails = following = Following(app)
        with app.app_context():
            draining.drain(runtime())
    assert following.answers == [200, 200, 200]


def record(db: Database, outcome: int, *, state: str = "done") -> None:
    """Give the waiting batch an outcome for all, or leave it while its request is answered."""
    with db.transaction() as session:
        claim = claims.claim_batch(session)
        assert claim is not None
        outcomes = Outcomes(claim.outcomes)
        assert claims.mark_sending(session, claim, outcomes, seconds=60)
        if state == "done":
            outcomes.record_all(range(len(outcomes)), [outcome] * len(outcomes))
            assert claims.finish_batch(session, claim, outcomes)


@pytest.mark.parametrize(
    ("outcome", "state", "status"),
    [(ACCEPTED, "done", 200), (IN_DOUBT, "done", 200), (REFUSED, "done", 404), (REFUSED, "sending", 200)],
    ids=["accepted", "in doubt", "refused", "on its way"],
)
def test_a_digest_is_a_letter_once_somebody_may_have_it(
    client: FlaskClient, db: Database, settings: Settings, outcome: int, state: str, status: int
) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    path = path_of(db, send_digest(db, settings))
    assert client.get(path).status_code == 404
    record(db, outcome, state=state)
    for part in PARTS:
        assert client.get(path + part).status_code == status, part


@pytest.mark.parametrize("change", [lifecycle.pause, lifecycle.cancel], ids=["paused", "cancelled"])
def test_what_becomes_of_it_later_does_not_count(
    client: FlaskClient, db: Database, settings: Settings, queues: Queues, change: Any
) -> None:
    add_article(db, "A story")
    add_readers(db, 1001)
    digest_id = send_digest(db, settings)
    record(db, ACCEPTED)
    with db.transaction() as session:
        if change is lifecycle.pause:
            lifecycle.pause(session, digest_id, PausedReason.EDITOR, None, by=OPERATOR)
        else:
            lifecycle.cancel(session, digest_id, by=OPERATOR)
        going_out.list_letters(session, going_out.accepted_and_unlisted(session), settings.timezone)
    path = path_of(db, digest_id)
    assert client.get(path).status_code == 200
    assert path in client.get("/letters").text


def test_drafts_tests_and_scheduled_digests_have_no_page(app: Flask, db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    digest_id = add_digest(db)
    digest_samples.send_sample(runtime(), digest_id, "editor@example.org", Preferences())
    with db.transaction() as session:
        later = clock.now() + timedelta(days=1)
        scheduling.schedule_digest(session, settings, digest_id, later, by=OPERATOR)
    with db.reading() as session:
        assert get_digest(session, digest_id).letter_name is None
    client = app.test_client()
    day = clock.now().date()
    for path in (f"/letters/{day}-weekly", "/letters/None", "/letters/2026-05-02", f"/letters/{day}-weekly-1"):
        assert [client.get(path + part).status_code for part in PARTS] == [404] * len(PARTS)
    assert "No letter has been sent yet" in client.get("/letters").text


def test_mails_that_a_provider_keeps_show_nothing_before_their_time(
    db: Database, settings: Settings, queues: Queues, valkey_url: str
) -> None:
    at = clock.now().replace(microsecond=0) + timedelta(hours=2)
    with (
        SendGridStandIn() as provider,
        site_with(replace(provider.settings(settings), redis_url=valkey_url)) as app,
    ):
        add_article(db, "A story")
        add_readers(db, 3)
        digest_id = add_digest(db)
        with db.transaction() as session:
            scheduling.schedule_digest(
                session, runtime_of(app).settings, digest_id, at, provider_schedule=True, by=OPERATOR
            )
        with app.app_context(), clock.set_to(at - timedelta(minutes=29)):
            tick(runtime())
            draining.drain(runtime())
            tick(runtime())
            path = path_of(db, digest_id)
            assert provider.asked == 1
            assert app.test_client().get(path).status_code == 404
            assert path not in app.test_client().get("/letters").text
        with app.app_context(), clock.set_to(at + timedelta(seconds=1)):
            assert app.test_client().get(path).status_code == 200
            tick(runtime())
            assert path in app.test_client().get("/letters").text


# What its pages show


def test_a_letter_shows_every_story_as_it_was_sent(client: FlaskClient, db: Database, sent: int) -> None:
    page = client.get(path_of(db, sent)).text
    for number in range(5):
        assert f"Story number {number}" in page
    assert "Trust <b>69</b>" in page
    assert "sent to 2 readers" in page
    assert "Corrected" not in page
    assert 'class="fix"' not in page
    assert client.get(path_of(db, sent) + "?language=de").text.count("Story number") == page.count("Story number")


def test_a_correction_stands_beside_the_words_that_were_sent(client: FlaskClient, db: Database, sent: int) -> None:
    path = path_of(db, sent)
    client.get(path)  # it is kept: the correction makes it old
    with db.transaction() as session:
        revising.revise(session, "story-number-1", {"dek": "A small change.", "trust": 71})
        note = "38 of 64 were offered their jobs back, not 36 <b>."
        fields = {"title": "A headline that is right", "dek": "Right.", "trust": 58}
        revising.revise(session, "story-number-3", fields, Change(RevisionKind.CORRECTION, note))
        revising.revise(session, "story-number-4", {"dek": "New."}, Change(RevisionKind.UPDATE, "There is news."))
        revising.withdraw(session, "story-number-2", "The study was withdrawn.")
    page = client.get(path).text
    assert "2 of its 5 stories were corrected or withdrawn" in page
    notes = {story.partition("</h2>")[0][-80:]: story for story in page.split("<li id=")[1:]}
    [corrected] = [story for story in notes.values() if "Story number 3" in story]
    assert "Corrected on " in corrected
    assert "38 of 64 were offered their jobs back, not 36 &lt;b&gt;." in corrected
    assert "/articles/story-number-3/revisions/2" in corrected
    assert "Right." not in corrected
    assert "Trust <b>69</b>" in corrected
    assert "Since then it was changed to 58." in corrected
    [withdrawn] = [story for story in notes.values() if "Story number 2" in story]
    assert "Withdrawn on " in withdrawn
    assert "The study was withdrawn." in withdrawn
    [changed] = [story for story in notes.values() if "Story number 1" in story]
    assert "Since then it was changed to 71." in changed
    assert page.count('class="fix"') == 2
    assert "There is news." not in page
    assert "A headline that is right" not in page
    [entry] = re.findall(r'<p class="corrline">(.*?)</p>', client.get("/letters").text)
    assert "2 stories, last on" in entry
    assert "published again" not in page
    with db.transaction() as session:
        revising.revise(session, "story-number-2", {"trust": 50}, Change(RevisionKind.UPDATE, "The study stands."))
    assert client.get(path).text.count("The study was withdrawn.</span> It was published again since.") == 1


def test_a_correction_before_the_freeze_is_none_of_the_letter(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    slug = add_article(db, "A story")
    with db.transaction() as session:
        revising.revise(session, slug, {"dek": "Right."}, Change(RevisionKind.CORRECTION, "It was wrong."))
    add_readers(db, 1)
    page = client.get(path_of(db, hand_over(db, settings))).text
    assert "Right." in page
    assert "It was wrong." not in page


@pytest.mark.parametrize("readers_have_it", [True, False], ids=["a reader has it", "no reader has it"])
def test_the_mail_speaks_the_language_of_the_page(
    client: FlaskClient, db: Database, settings: Settings, readers_have_it: bool
) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    if readers_have_it:
        with db.transaction() as session:
            import_rows(session, [ImportedReader("ada@example.org", Preferences(language="de"))])
    path = path_of(db, hand_over(db, settings))
    for query, language, words, others in (
        ("?language=de", "de", "abbestellen", "Unsubscribe"),
        ("?language=en", "en", "Unsubscribe", "abbestellen"),
        ("", "en", "Unsubscribe", "abbestellen"),
        ("?language=tlh", "en", "Unsubscribe", "abbestellen"),
    ):
        answer = client.get(f"{path}/mail{query}", headers={"Accept-Language": "de"})
        assert f'<html lang="{language}"' in answer.text
        assert words in answer.text
        assert others not in answer.text
        assert "A story" in answer.text
        assert f"{path}/links?language={language}" in answer.text
        assert answer.headers["Cache-Control"].startswith("public, max-age=0, s-maxage=")
        text = client.get(f"{path}/text{query}").text
        assert words in text
        assert f"{path}/links?language={language}" in text
        source = client.get(f"{path}/message.txt{query}").text
        assert ("abbestellen" in quopri.decodestring(source).decode()) == (language == "de" and readers_have_it)
    assert ("Niemand hat diese Ausgabe" in client.get(f"{path}/source?language=de").text) != readers_have_it


def test_the_mail_is_the_one_that_was_sent_and_may_do_nothing(
    client: FlaskClient, db: Database, settings: Settings, sent: int
) -> None:
    path = path_of(db, sent)
    answer = client.get(f"{path}/mail", headers={"X-Forwarded-Host": "evil.example"})
    with db.reading() as session:
        mail = RenderedDigest.from_json(session.scalars(select(RenderedDigestRow.content)).one())
    html, _text = mail.edition(mail.full_mask)
    instead = f"{settings.public_url}{path}/links?language=en"
    for page in ("preferences", "unsubscribe"):
        html = html.replace(f"https://letters.example.org/{page}/{mail.placeholder}", instead)
    assert answer.text == html
    allowed = set(answer.headers["Content-Security-Policy"].split("; "))
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "sandbox"} <= allowed
    assert "script" not in str(allowed)
    assert "<script" not in answer.text


def test_the_source_is_a_file_that_anybody_can_check(client: FlaskClient, db: Database, sent: int) -> None:
    path = path_of(db, sent)
    raw = client.get(f"{path}/message.txt")
    assert raw.mimetype == "text/plain"
    message = email.message_from_bytes(raw.data)
    assert (message["To"], message["Message-ID"]) == ("(left out)", "(left out)")
    page = client.get(f"{path}/source").text
    assert hashlib.sha256(raw.data).hexdigest() in page
    assert page.count("<td>none</td>") == 4, "nothing is loaded, nothing redirects, nothing tells readers apart"


def test_no_page_holds_a_token_or_a_placeholder(client: FlaskClient, db: Database, sent: int) -> None:
    with db.reading() as session:
        secrets = list(session.scalars(select(Subscriber.token)))
        secrets += session.scalars(select(Subscriber.address))
        for row in session.scalars(select(RenderedDigestRow)):
            secrets += [RenderedDigest.from_json(row.content).placeholder, row.id_salt.hex()]
    assert len(secrets) == 6
    path = path_of(db, sent)
    for address in ["/letters", *(path + part for part in PARTS)]:
        for query in ("", "?language=de"):
            answer = client.get(address + query)
            assert answer.status_code == 200
            for secret in secrets:
                assert secret not in answer.text
                assert secret not in str(answer.headers)


# The list


def fill_letters(db: Database, count: int, *, first: datetime) -> None:
    """So many letters, one a day, each with one of the articles that are there."""
    with db.transaction() as session:
        revisions = session.execute(
            select(Revision.id.label("revision_id"), Revision.article_id).order_by(Revision.id)
        ).all()
        offset = session.scalar(select(func.max(Digest.id))) or 0
        times = [first + timedelta(days=n) for n in range(count)]
        letters = [
            {
                "id": offset + 1 + n,
                "cadence": "daily",
                "status": "sent",
                "subject": f"Letter {n}",
                "preheader": "",
                "intro": "",
                "created_at": at,
                "scheduled_at": at,
                "frozen_at": at,
                "sent_at": at,
                "letter_since": at,
                "letter_name": f"{at.date()}-daily",
                "provider_schedule": False,
            }
            for n, at in enumerate(times)
        ]
        session.execute(insert(table_of(Digest)), letters)
        items = [
            {"digest_id": offset + 1 + n, "position": 0, **revisions[n % len(revisions)]._mapping} for n in range(count)
        ]
        session.execute(insert(table_of(DigestArticle)), items)


START = datetime(2019, 1, 1, 7, tzinfo=ZoneInfo("UTC"))


def names_on(page: str) -> list[str]:
    return re.findall(r'<h3[^>]*><a href="/letters/([^"?]+)', page)


def test_the_list_goes_on_by_pages_there_and_back(client: FlaskClient, db: Database) -> None:
    add_article(db, "A story")
    fill_letters(db, 45, first=START)
    newest = client.get("/letters").text
    assert names_on(newest)[0] == "2019-02-14-daily"
    pages = [names_on(newest)]
    while older := re.search(r'class="older" href="([^"]+)"', newest):
        newest = client.get(older[1]).text
        pages.append(names_on(newest))
    assert [len(page) for page in pages] == [20, 20, 5]
    found = list(chain(*pages))
    assert found == sorted(found, reverse=True)
    back = re.search(r'href="([^"]+)" rel="prev"', newest)
    assert back
    assert names_on(client.get(back[1]).text) == pages[1]
    assert client.get("/letters?before=2001-01-01-daily").status_code == 404
    assert client.get("/letters?before=a&after=b").status_code == 404


def test_letters_by_month_year_and_section(client: FlaskClient, db: Database) -> None:
    add_article(db, "A story", section="Policy")
    add_article(db, "Another", section="Research")
    fill_letters(db, 800, first=START)
    page = client.get("/letters").text
    assert "800 letters since January 2019" in page
    periods = re.findall(r'href="/letters\?month=([\d-]+)"[^>]*><span>([^<]+)</span> <span class="num">(\d+)', page)
    assert [each[0] for each in periods] == ["2021-03", "2021-02", "2021-01", "2020", "2019"]
    assert {words: int(count) for _, words, count in periods}["2020"] == 366
    for period, _, count in periods[:3]:
        names = names_on(client.get(f"/letters?month={period}").text)
        assert len(names) == min(int(count), 20)
        assert all(name.startswith(period) for name in names)
    assert all(name.startswith("2019") for name in names_on(client.get("/letters?month=2019").text))
    of_policy = client.get("/letters?month=2020-02&section=Policy").text
    assert "Letters with stories from Policy, February 2020" in of_policy
    assert len(names_on(of_policy)) == 15
    assert client.get("/letters?section=Gardening").status_code == 404
    for nonsense in ("2019-13", "20190", "x", "2019-01-01", "%00", "0001", "9999-12"):
        assert client.get(f"/letters?month={nonsense}").status_code == 404


def test_no_page_asks_more_with_more_letters(
    db: Database, settings: Settings, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_content, "BELIEVED_FOR", 0.0)  # no page is lucky
    path = path_of(db, sent)
    lists = ["/letters", "/letters?month=2019-01", "/letters?section=Policy", "/letters?q=story", "/sample"]
    counts = []
    for letters in (30, 2000):
        with db.transaction() as session:
            session.execute(delete(Digest).where(Digest.cadence == Cadence.DAILY))
        fill_letters(db, letters, first=START)
        asked = {}
        with site_with(settings) as app:
            client = app.test_client()
            client.get("/articles/nothing")  # the sections of the masthead are read once
            for address in [*lists, *(path + part for part in PARTS)]:
                with statements(runtime_of(app).db) as found:
                    assert client.get(address).status_code in (200, 302), address
                asked[address] = len(found)
        assert max(asked.values()) <= 8, asked
        assert min(asked.values()) > 0
        counts.append(asked)
    assert counts[0] == counts[1]


def test_letters_are_found_by_words_of_their_headlines(client: FlaskClient, db: Database, sent: int) -> None:
    name = name_of(db, sent)
    assert names_on(client.get("/letters?q=story+number").text) == [name]
    assert names_on(client.get("/letters?q=numb&section=Research").text) == [name]
    for path in ("/letters?q=gardening", "/letters?q=%27%22%20OR%20*", "/letters?q=gardening&month=2019"):
        nothing = client.get(path)
        assert (nothing.status_code, names_on(nothing.text)) == (200, [])
        assert "No letter has all of these words" in nothing.text


def test_a_story_that_is_read_elsewhere_is_read_there_from_its_letter(
    client: FlaskClient, db: Database, sent: int
) -> None:
    with db.transaction() as session:
        addresses.set_article_address(session, "story-number-1", "https://dispatch.example/one")
    page = client.get(path_of(db, sent)).text
    assert page.count('<a href="https://dispatch.example/one">') == 2  # the headline, and the words below
