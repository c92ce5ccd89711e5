"""What comes of a sign-up: who is mailed what, what confirming does, how often, and what is kept as evidence."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.core.runtime import runtime
from newsletter.mail.models import OutgoingMail
from newsletter.operations import transactional_sending
from newsletter.subscribers import backoff, retention, salts
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    SignupRequest,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
    UnsubscribeReason,
)
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation_links, process_signups, requests
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import ToSuppress
from tests.factories import add_readers, compose_mail, decide_all, due_mails, no_pauses, request_signup, sign_up
from tests.services.statements import statements

ADA = AddressKey("ada@example.org")
WORDS = requests.agreement_text("Dispatch")


def ask(db: Database, address: str = ADA, preferences: Preferences | None = None, rank: int = 1) -> None:
    with db.transaction() as session:
        request_signup(session, address, preferences, rank=rank)


def reader(session: Session, address: str = ADA) -> Subscriber:
    return session.scalars(select(Subscriber).where(Subscriber.address_key == address)).one()


def kinds(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(OutgoingMail.kind).order_by(OutgoingMail.id)))


class State(NamedTuple):
    """What is known of an address: its reader's status (None: there is no reader), and its suppression."""

    status: SubscriberStatus | None
    reason: SuppressionReason | None = None
    days_ago: float = 0


@pytest.mark.parametrize(
    ("state", "mailed", "after"),
    [
        (State(None), "confirmation", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.PENDING), "confirmation", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.ACTIVE), "already_subscribed", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.UNSUBSCRIBED), "confirmation", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.UNSUBSCRIBED, SuppressionReason.UNSUBSCRIBED), "confirmation", SubscriberStatus.ACTIVE),
        (State(None, SuppressionReason.UNSUBSCRIBED), "confirmation", SubscriberStatus.ACTIVE),
        (State(None, SuppressionReason.ERASED), "confirmation", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.BOUNCED, SuppressionReason.BOUNCED, 29.9), None, SubscriberStatus.BOUNCED),
        (State(SubscriberStatus.BOUNCED, SuppressionReason.BOUNCED, 30), "confirmation", SubscriberStatus.ACTIVE),
        (State(None, SuppressionReason.BOUNCED, 29.9), None, None),
        (State(None, SuppressionReason.BOUNCED, 30), "confirmation", SubscriberStatus.ACTIVE),
        (State(SubscriberStatus.COMPLAINED, SuppressionReason.COMPLAINED, 4000), None, SubscriberStatus.COMPLAINED),
        (State(None, SuppressionReason.COMPLAINED, 4000), None, None),
    ],
)
def test_what_each_is_mailed_and_what_confirming_does(
    client: FlaskClient,
    db: Database,
    settings: Settings,
    state: State,
    mailed: str | None,
    after: SubscriberStatus | None,
) -> None:
    """The table in docs/readers.md."""
    now = clock.now()
    with db.transaction() as session:
        if state.status:
            import_rows(session, [ImportedReader(ADA)])
            reader(session).status = state.status
        if state.reason:
            found = [ToSuppress(ADA, state.reason, now - timedelta(days=state.days_ago))]
            suppressions.suppress_all(session, settings.suppression_key, found)
    with clock.set_to(now):
        ask(db, preferences=Preferences("daily"))
        decide_all(db, settings)
        assert kinds(db) == ([mailed] if mailed else [])
        with db.reading() as session:
            known = session.scalars(select(Subscriber)).one_or_none()
            token = confirmation_links.confirmation_token(settings.signing_keys, known) if known else ""
    answer = client.post(f"/confirm/{token}")
    assert answer.status_code == (200 if after is SubscriberStatus.ACTIVE else 409 if state.status else 404)
    with db.reading() as session:
        known = session.scalars(select(Subscriber)).one_or_none()
        assert (known.status if known else None) == after
        if mailed == "confirmation" and known:
            assert known.cadence == "daily"
            assert suppressions.find_suppression(session, settings.suppression_key, ADA) is None
        elif known:
            assert known.cadence == "weekly", "nobody else's wish changes a reader's preferences"


def test_a_link_from_before_a_bounce_brings_nobody_back(client: FlaskClient, db: Database, settings: Settings) -> None:
    ask(db)
    decide_all(db, settings)
    with db.transaction() as session:
        token = confirmation_links.confirmation_token(settings.signing_keys, reader(session))
        suppressions.suppress(session, settings.suppression_key, ADA, SuppressionReason.BOUNCED)
        reader(session).status = SubscriberStatus.BOUNCED
    assert client.post(f"/confirm/{token}").status_code == 409


def test_what_a_returning_reader_chose_to_say_and_to_pause_is_over(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        ada = reader(session)
        ada.status, ada.unsubscribe_reason = SubscriberStatus.UNSUBSCRIBED, UnsubscribeReason.OFTEN
        ada.unsubscribed_at = clock.now() - timedelta(days=3)
        ada.paused_until = (clock.now() + timedelta(days=30)).date()
        sign_up(session, settings, ADA)
        token = confirmation_links.confirmation_token(settings.signing_keys, ada)
    assert client.post(f"/confirm/{token}").status_code == 200
    with db.reading() as session:
        ada = reader(session)
        assert (ada.unsubscribed_at, ada.unsubscribe_reason, ada.paused_until) == (None, None, None)


# Evidence of consent


def test_the_words_the_page_and_the_time_are_kept(client: FlaskClient, db: Database, settings: Settings) -> None:
    asked = clock.now() - timedelta(hours=1)
    with clock.set_to(asked):
        ask(db)
        decide_all(db, settings)
    with db.reading() as session:
        kept = session.scalars(select(Consent)).one()
        assert (kept.wording, kept.page, kept.requested_at, kept.confirmed_at) == (WORDS, "/", asked, None)
        token = confirmation_links.confirmation_token(settings.signing_keys, reader(session))
    client.post(f"/confirm/{token}")
    with db.reading() as session:
        assert session.scalars(select(Consent.confirmed_at)).one() == reader(session).confirmed_at
    ask(db)
    decide_all(db, settings)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 1, "an active reader agrees to nothing new"


def test_the_last_sign_up_counts_with_its_preferences_and_its_words(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        for cadence in ("daily", "monthly"):
            request_signup(session, ADA, Preferences(cadence), page=f"/{cadence}")
        sign_up(session, settings, ADA, Preferences("weekly"))
        request_signup(session, ADA.upper(), Preferences("monthly"), page="/monthly")
    decide_all(db, settings)
    with db.reading() as session:
        assert reader(session).cadence == "monthly"
        assert session.scalars(select(Consent.page)).one() == "/monthly"
        assert session.scalar(select(func.count()).select_from(SignupRequest)) == 0


# How often


def mails_over(db: Database, settings: Settings, span: timedelta, every: timedelta) -> list[timedelta]:
    """When mails came of sign-ups that go on and on."""
    start, past, found = clock.now(), timedelta(), []
    while past < span:
        with clock.set_to(start + past):
            ask(db)
            found += [past for _ in decide_all(db, settings)]
        past += every
    return found


def test_one_mail_in_a_period_which_doubles(db: Database, settings: Settings) -> None:
    minute = timedelta(minutes=1)
    assert mails_over(db, settings, 71 * minute, minute) == [0 * minute, 10 * minute, 30 * minute, 70 * minute]


def test_days_of_list_bombing_bring_a_mail_a_day(db: Database, settings: Settings) -> None:
    hours = mails_over(db, settings, timedelta(days=10), timedelta(minutes=30))
    assert len(hours) <= 18


def test_after_some_days_of_quiet_the_pause_is_short_again(db: Database, settings: Settings) -> None:
    mails_over(db, settings, timedelta(hours=3), timedelta(minutes=10))
    with clock.set_to(clock.now() + timedelta(days=4)):
        assert len(mails_over(db, settings, timedelta(minutes=11), timedelta(minutes=10))) == 2


def test_an_active_reader_is_told_once_in_a_period_too(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    for _ in range(3):
        ask(db)
        decide_all(db, settings)
    assert kinds(db) == ["already_subscribed"]


def test_nobody_is_kept_out_by_whoever_made_the_pause_long(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    """A reader leaves and wants to come back: the links in the mails before bring nobody back who left since."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    start = clock.now()
    with clock.set_to(start):
        mails_over(db, settings, timedelta(hours=6), timedelta(minutes=10))
    with clock.set_to(start + timedelta(hours=6)), db.transaction() as session:
        session.execute(delete(OutgoingMail))
        pause_ends = (reader(session).confirmation_sent_at or start) + backoff.pause_after(
            reader(session).confirmations_sent
        )
        unsubscribing.unsubscribe(session, reader(session).token)
    for minutes in (1, 2, 30):  # the reader, and whoever goes on
        with clock.set_to(start + timedelta(hours=6, minutes=minutes)):
            ask(db)
            decide_all(db, settings)
            assert kinds(db) == ["confirmation"]
            assert due_mails(db) == []
    with clock.set_to(pause_ends):
        (mail_id,) = due_mails(db)
        with db.reading() as session:
            row = session.get_one(OutgoingMail, mail_id)
            composed = compose_mail(session, settings, row)
        assert composed is not None
        link = next(word for word in composed[0].text.split() if "/confirm/" in word)
        assert client.post(f"/confirm/{link.rpartition('/')[2]}").status_code == 200
    with db.reading() as session:
        assert reader(session).status == SubscriberStatus.ACTIVE


def test_a_worker_that_comes_late_sends_the_later_mail_alone(db: Database, settings: Settings) -> None:
    start = clock.now()
    for when in (start, start + backoff.FIRST_PAUSE):
        with clock.set_to(when):
            ask(db)
            decide_all(db, settings)
    with db.reading() as session:
        first, second = session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))
        assert compose_mail(session, settings, first) is None
        assert compose_mail(session, settings, second) is not None


# The mails


@pytest.mark.parametrize(
    ("status", "path"),
    [(None, "/confirm/"), (SubscriberStatus.UNSUBSCRIBED, "/confirm/"), (SubscriberStatus.ACTIVE, "/preferences/")],
)
def test_a_mail_holds_its_link_and_nothing_that_was_typed(
    db: Database, settings: Settings, status: SubscriberStatus | None, path: str
) -> None:
    if status:
        with db.transaction() as session:
            import_rows(session, [ImportedReader(ADA)])
            reader(session).status = status
    ask(db, preferences=Preferences("daily", ("Read http://evil.example",)))
    [mail] = decide_all(db, settings)
    with db.reading() as session:
        row = session.get_one(OutgoingMail, mail)
        assert "ada" not in str(row.payload).lower()
        composed = compose_mail(session, settings, row)
    assert composed is not None
    message, recipient = composed
    assert recipient.address == ADA
    assert f"https://letters.example.org{path}" in message.text
    for part in (message.subject, message.text, message.html):
        assert ADA not in part
        assert "evil" not in part


def _become(status: SubscriberStatus) -> Callable[[Session], None]:
    def change(session: Session) -> None:
        reader(session).status = status
        if status is SubscriberStatus.BOUNCED:  # what holds then is the suppression
            suppressions.suppress(
                session, SuppressionKey("a suppression key for the tests"), ADA, SuppressionReason.BOUNCED
            )

    return change


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        (None, _become(SubscriberStatus.ACTIVE)),
        (None, _become(SubscriberStatus.COMPLAINED)),
        (None, _become(SubscriberStatus.BOUNCED)),
        (None, lambda session: session.execute(delete(Subscriber))),
        (None, lambda session: unsubscribing.unsubscribe(session, reader(session).token)),
        (SubscriberStatus.ACTIVE, _become(SubscriberStatus.UNSUBSCRIBED)),
    ],
)
def test_no_mail_is_written_when_things_have_changed_meanwhile(
    db: Database, settings: Settings, before: SubscriberStatus | None, meanwhile: Callable[[Session], None]
) -> None:
    if before:
        with db.transaction() as session:
            import_rows(session, [ImportedReader(ADA)])
    ask(db)
    [mail] = decide_all(db, settings)
    with db.transaction() as session:
        meanwhile(session)
    with db.reading() as session:
        row = session.get(OutgoingMail, mail)  # gone with its reader
        assert row is None or compose_mail(session, settings, row) is None


# The worker


def sent_to(settings: Settings) -> list[str]:
    """Who was mailed, in order."""
    found = sorted((settings.maildir / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    lines = [line for path in found for line in path.read_text().splitlines() if line.startswith("To: ")]
    return [line.removeprefix("To: ") for line in lines]


def test_a_worker_decides_and_sends_at_once(db: Database, settings: Settings) -> None:
    for number in range(3):
        ask(db, f"r{number}@readers.example")
    assert transactional_sending.send_waiting_mails(runtime()) is False
    assert sent_to(settings) == [f"r{number}@readers.example" for number in range(3)]
    assert kinds(db) == []


def test_many_sign_ups_take_no_more_statements_than_two(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement for each reader took more time than all else."""
    monkeypatch.setattr(transactional_sending, "MAIL_JOB_LINGERS", 0.0)  # each look for more is a statement

    def cost(count: int, start: int) -> int:
        add_readers(db, count, start=start)  # who are told that they are subscribed
        for number in range(start, start + count):
            ask(db, f"r{number}@readers.example")
            ask(db, f"new{number}@readers.example")
        with statements(db) as found:
            transactional_sending.send_waiting_mails(runtime())
        return len(found)

    salts.present_salt(db)
    few = cost(1, start=1)
    assert cost(20, start=2) == few
    assert len(sent_to(settings)) == 42


def test_ten_thousand_sign_ups_of_a_victim_bring_one_mail_and_hold_up_nobody(db: Database, settings: Settings) -> None:
    """From so many networks that each is the first of its own."""
    with db.transaction() as session:
        for number in range(10_000):
            if number == 5_000:
                request_signup(session, "real@readers.example")
            request_signup(session, "victim@example.org")
    assert transactional_sending.send_waiting_mails(runtime()) is False
    assert sent_to(settings) == ["victim@example.org", "real@readers.example"]


def test_a_network_that_sends_many_waits_for_the_others(db: Database, settings: Settings) -> None:
    for rank in range(1, 21):
        ask(db, f"victim{rank}@example.org", rank=rank)
    ask(db, "real@readers.example")
    transactional_sending.send_waiting_mails(runtime())
    assert sent_to(settings)[:3] == ["victim1@example.org", "real@readers.example", "victim2@example.org"]
    assert len(sent_to(settings)) == 21


def test_workers_at_the_same_moment_make_one_reader_and_one_mail(db: Database, settings: Settings) -> None:
    for _ in range(40):
        ask(db)
    app_runtime = runtime()

    def work(_number: int) -> None:
        while True:
            with app_runtime.db.transaction() as session:
                if not process_signups.process_addresses(session, settings.suppression_key, no_pauses(), 1):
                    return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert kinds(db) == ["confirmation"]
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1
        assert session.scalar(select(func.count()).select_from(SignupRequest)) == 0


def test_a_sign_up_whose_processing_fails_delays_no_other(
    db: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    ask(db, "broken@example.org")
    with db.transaction() as session:
        session.scalars(select(SignupRequest)).one().preferences = {"cadence": "hourly"}
    ask(db)
    for _ in range(2):
        assert transactional_sending.send_waiting_mails(runtime()) is False
    assert sent_to(settings) == [ADA]
    assert "daily, weekly or monthly" in caplog.text
    with db.reading() as session:
        assert session.scalars(select(SignupRequest.address)).all() == ["broken@example.org"]


# What nobody confirms


def counts(session: Session) -> list[int]:
    tables = (Subscriber, Consent, AddressChange, SignupRequest)
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def forget_at(db: Database, when: datetime) -> list[int]:
    with clock.set_to(when), db.transaction() as session:
        while retention.delete_unconfirmed(session).more:
            pass
        return counts(session)


def test_what_nobody_confirms_is_deleted_after_fourteen_days(
    client: FlaskClient, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    start = clock.now()
    with clock.set_to(start), db.transaction() as session:
        for number in range(5):
            sign_up(session, settings, f"r{number}@readers.example")
        sign_up(session, settings, ADA)
        import_rows(session, [ImportedReader("old@example.org")])
        old = reader(session, "old@example.org")
        session.add(AddressChange(subscriber_id=old.id, address="new@example.org", address_key="new@example.org"))
        old.status = SubscriberStatus.UNSUBSCRIBED
        sign_up(session, settings, "old@example.org")
        token = confirmation_links.confirmation_token(settings.signing_keys, reader(session))
    assert client.post(f"/confirm/{token}").status_code == 200
    assert forget_at(db, start + timedelta(days=14)) == [7, 7, 1, 0]
    assert forget_at(db, start + timedelta(days=14, seconds=1)) == [2, 1, 0, 0]
    with db.reading() as session:
        assert reader(session).status == SubscriberStatus.ACTIVE
        assert session.scalars(select(Consent.subscriber_id)).one() == reader(session).id


def test_the_spelling_that_was_typed_last_is_written_to_until_one_is_confirmed(
    db: Database, settings: Settings
) -> None:
    with db.transaction() as session:
        sign_up(session, settings, "ADA@example.org")
        sign_up(session, settings, "Ada@example.org")
        assert reader(session).address == "Ada@example.org"
        reader(session).status = SubscriberStatus.ACTIVE
        sign_up(session, settings, "aDa@example.org")
        assert reader(session).address == "Ada@example.org"


def test_letters_that_resemble_each_other_keep_nobody_out(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        sign_up(session, settings, "jane.\u017fmith@example.org")
        assert sign_up(session, settings, "jane.smith@example.org") is not None
        assert reader(session, "jane.smith@example.org").address == "jane.smith@example.org"
