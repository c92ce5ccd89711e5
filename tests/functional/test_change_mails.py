"""Readers hear of what the links of letters changed, once a day at most: letters are forwarded."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail import outgoing_sending
from newsletter.mail.models import OutgoingMail
from newsletter.mail.transports import open_transport
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.subscribers.account import change_mails
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import LinkChange, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from tests.factories import compose_mail, due_mails

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAILY = {"cadence": "daily", "which": "all", "min_trust": "0"}
WEEKLY = {"cadence": "weekly", "which": "all", "min_trust": "0"}


@pytest.fixture
def token(db: Database) -> str:
    """The token of an active reader's letters."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org", Preferences("weekly"))])
        return session.scalars(select(Subscriber.token)).one()


def waiting(db: Database) -> list[tuple[list[str], datetime | None]]:
    """The changes that each mail of the outgoing table tells, and the time before which it does not go."""
    with db.reading() as session:
        rows = session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()
    assert {row.kind for row in rows} <= {"changed_by_link"}
    return [(row.payload["changes"], row.not_before) for row in rows]


def send_due(db: Database, settings: Settings) -> list[str]:
    """Send what is due; the plain text of each mail."""
    due = due_mails(db)
    with db.reading() as session:
        composed = [compose_mail(session, settings, session.get_one(OutgoingMail, mail_id)) for mail_id in due]
    transport = open_transport(settings)
    outgoing_sending.send_due(db, settings, transport, MAIL_TYPES)
    transport.close()
    return [" ".join(mail[0].text.split()) for mail in composed if mail]


def undo(client: FlaskClient, token: str) -> None:
    page = client.post(f"/unsubscribe/{token}").text
    (secret,) = set(re.findall(r'name="undo" value="([^"]+)"', page))
    assert client.post(f"/unsubscribe/{token}/undo", data={"undo": secret}).status_code == 200


def test_a_change_of_preferences_is_told(client: FlaskClient, db: Database, settings: Settings, token: str) -> None:
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}", data=DAILY)
        (text,) = send_due(db, settings)
    assert "changed your subscription on 4 May 2026 with a link from one of your letters" in text
    assert "Your preferences were changed. You get the daily letter. It has stories from all sections." in text
    assert f"/preferences/{token}" in text
    assert "aused" not in text
    assert waiting(db) == []


def test_a_pause_and_its_end_are_told(client: FlaskClient, db: Database, settings: Settings, token: str) -> None:
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}/pause", data={"until": "2027-05-04"})
        (text,) = send_due(db, settings)
        assert "Letters are paused until 4 May 2027." in text
        assert "Your preferences were changed" not in text
    with clock.set_to(NOW + timedelta(days=2)):
        client.post(f"/preferences/{token}/pause", data={"end": "1"})
        (text,) = send_due(db, settings)
        assert "The pause was ended: letters come again." in text


def test_the_undo_of_an_unsubscription_is_told(
    client: FlaskClient, db: Database, settings: Settings, token: str
) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber)).one().paused_until = date(2027, 1, 31)
    with clock.set_to(NOW):
        undo(client, token)
        (text,) = send_due(db, settings)
    assert "Unsubscribing was undone: you get letters again." in text
    assert "Letters are paused until 31 January 2027." in text


@pytest.mark.parametrize("form", [{}, {"List-Unsubscribe": "One-Click"}])
def test_unsubscribing_mails_nothing(client: FlaskClient, db: Database, token: str, form: dict[str, str]) -> None:
    for _ in range(2):
        client.post(f"/unsubscribe/{token}", data=form)
    client.post(f"/unsubscribe/{token}/reason", data={"reason": "often"})
    assert waiting(db) == []


def test_what_changes_nothing_is_not_told(client: FlaskClient, db: Database, token: str) -> None:
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}", data=WEEKLY)
        client.post(f"/preferences/{token}", data={"cadence": "hourly"})
        client.post(f"/preferences/{token}/pause", data={"end": "1"})
        client.post(f"/preferences/{token}/pause", data={"until": "yesterday"})
        client.get(f"/preferences/{token}")
    assert waiting(db) == []


def test_the_undo_for_an_unconfirmed_address_mails_nothing(client: FlaskClient, db: Database, token: str) -> None:
    with db.transaction() as session:
        ada = session.scalars(select(Subscriber)).one()
        ada.status, ada.confirmed_at = SubscriberStatus.PENDING, None
    undo(client, token)
    assert waiting(db) == []


def test_changes_before_the_mail_goes_are_in_it(
    client: FlaskClient, db: Database, settings: Settings, token: str
) -> None:
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}", data=DAILY)
        client.post(f"/preferences/{token}/pause", data={"until": "2027-05-04"})
        client.post(f"/preferences/{token}", data=WEEKLY)
        assert waiting(db) == [(["preferences", "pause"], None)]
        (text,) = send_due(db, settings)
    assert "You get the weekly letter." in text
    assert "Letters are paused until 4 May 2027." in text


def test_there_is_one_a_day_and_no_change_goes_unheard(
    client: FlaskClient, db: Database, settings: Settings, token: str
) -> None:
    """A stranger who waits for the reader's own mail of the day gains nothing by it."""
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}", data=DAILY)
        assert len(send_due(db, settings)) == 1
    with clock.set_to(NOW + timedelta(hours=1)):
        client.post(f"/preferences/{token}/pause", data={"until": "2027-05-04"})
        client.post(f"/preferences/{token}", data=WEEKLY)
        assert waiting(db) == [(["pause", "preferences"], NOW + timedelta(days=1))]
        assert send_due(db, settings) == []
    with clock.set_to(NOW + timedelta(days=1)):
        (text,) = send_due(db, settings)
        assert "Letters are paused until 4 May 2027." in text
        client.post(f"/preferences/{token}", data=DAILY)
        assert waiting(db) == [(["preferences"], NOW + timedelta(days=2))]


@pytest.mark.parametrize("mails", [range(40)])
def test_forty_changes_in_five_days_bring_six_mails(
    client: FlaskClient, db: Database, settings: Settings, token: str, mails: range
) -> None:
    sent = 0
    for number in mails:
        with clock.set_to(NOW + timedelta(hours=3 * number)):
            client.post(f"/preferences/{token}", data=WEEKLY if number % 2 else DAILY)
            sent += len(send_due(db, settings))
    with clock.set_to(NOW + timedelta(days=9)):
        assert sent + len(send_due(db, settings)) == 6


def test_a_mail_that_a_worker_has_is_not_amended(
    client: FlaskClient, db: Database, settings: Settings, token: str
) -> None:
    with clock.set_to(NOW):
        client.post(f"/preferences/{token}", data=DAILY)
        with db.transaction() as session:
            session.scalars(select(OutgoingMail)).one().lease_until = NOW.timestamp() * 2
        client.post(f"/preferences/{token}/pause", data={"until": "2027-05-04"})
    assert waiting(db) == [(["preferences"], None), (["pause"], NOW + timedelta(days=1))]


def test_a_reader_who_unsubscribed_meanwhile_gets_none(
    client: FlaskClient, db: Database, settings: Settings, token: str
) -> None:
    client.post(f"/preferences/{token}", data=DAILY)
    client.post(f"/unsubscribe/{token}")
    assert send_due(db, settings) == []
    assert waiting(db) == []


def test_changes_at_the_same_moment_bring_one_mail(db: Database, token: str) -> None:
    """The row in SQL decides, and not what was read: all read it before anybody writes."""

    def change(number: int) -> int | None:
        with db.transaction() as session:
            reader = session.scalars(select(Subscriber).with_for_update()).one()
            return change_mails.tell_reader(session, reader, list(LinkChange)[number % 3])

    with clock.set_to(NOW), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(change, range(12)))
    assert sum(mail is not None for mail in found) == 1
    ((changes, _),) = waiting(db)
    assert set(changes) == set(LinkChange)


def test_a_stale_row_brings_no_second_mail(db: Database, token: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(clock.set_to(NOW))
        with db.reading() as session:
            stale = session.scalars(select(Subscriber)).one()
        with db.transaction() as session:
            reader = session.scalars(select(Subscriber).with_for_update()).one()
            assert change_mails.tell_reader(session, reader, LinkChange.PAUSE)
        with db.transaction() as session:
            session.delete(session.scalars(select(OutgoingMail)).one())  # it is sent
        with db.transaction() as session:
            assert change_mails.tell_reader(session, session.merge(stale, load=False), LinkChange.PAUSE) is None
    assert waiting(db) == []
