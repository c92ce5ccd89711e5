"""`newsletter bounces read`, as a mail server's alias calls it."""

from __future__ import annotations

import base64
import json
import quopri
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from newsletter.cli import cli
from newsletter.cli.bounces import bounces
from newsletter.cli.exit_codes import TRY_AGAIN
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch
from newsletter.mail import outgoing_sending, return_path
from newsletter.mail.formats import Format
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.subscribers.models import Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, hand_over, sign_up
from tests.functional.test_wrong_settings import environment
from tests.services.bounce_mails import arf, dsn, holiday, original

Read = Callable[..., Result]
R1 = "r1@readers.example"


@pytest.fixture
def read(app: Flask) -> Read:
    def read(raw: bytes, *options: str) -> Result:
        return app.test_cli_runner().invoke(bounces, ["read", *options], input=raw)

    return read


@pytest.fixture
def path(db: Database, settings: Settings) -> Callable[[int], str]:
    """The return path of a digest's mail to the reader of that number."""
    add_article(db, "A story")
    add_readers(db, 3)
    hand_over(db, settings)
    with db.reading() as session:
        batch = session.scalars(select(Batch.id)).one()
        first = session.scalars(select(Subscriber.id).order_by(Subscriber.id).limit(1)).one()
    key = return_path.return_path_key(settings.suppression_key)
    return lambda number: return_path.signed_address(key, "bounces.example.org", batch, first + number - 1)


def statuses(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Subscriber.status).order_by(Subscriber.id)))


def test_a_hard_bounce_ends_a_subscription_at_once(
    read: Read, db: Database, settings: Settings, path: Callable[[int], str]
) -> None:
    for _ in range(2):
        result = read(dsn(path(1)))
        assert (result.exit_code, result.output) == (0, "Recorded: bounced.\n")
    assert statuses(db) == [SubscriberStatus.BOUNCED, SubscriberStatus.ACTIVE, SubscriberStatus.ACTIVE]
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, AddressKey(R1)) is SuppressionReason.BOUNCED
        assert session.query(Event).count() == 1


def test_a_bounce_of_a_mail_to_an_earlier_address_ends_nothing(
    read: Read, db: Database, path: Callable[[int], str]
) -> None:
    """A mail server gives up after days. Meanwhile the reader changed the address, which confirms it anew."""
    with db.transaction() as session:
        session.execute(update(Subscriber).values(confirmed_at=clock.now() - timedelta(hours=1)))
        session.execute(update(Batch).values(attempted_at=clock.now() - timedelta(hours=2)))
    assert read(dsn(path(1))).output == "Recorded: bounced.\n"
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3
    with db.transaction() as session:
        session.execute(update(Batch).values(attempted_at=clock.now() - timedelta(minutes=30)))
    read(dsn(path(2)))
    assert statuses(db) == [SubscriberStatus.ACTIVE, SubscriberStatus.BOUNCED, SubscriberStatus.ACTIVE]


def test_a_complaint_ends_a_subscription_too(read: Read, db: Database, path: Callable[[int], str]) -> None:
    assert json.loads(read(arf(original(path(2))), "--json").output) == {"recorded": "complained", "reason": "abuse"}
    assert statuses(db) == [SubscriberStatus.ACTIVE, SubscriberStatus.COMPLAINED, SubscriberStatus.ACTIVE]


def test_a_soft_bounce_is_stored(read: Read, db: Database, path: Callable[[int], str]) -> None:
    assert (
        read(dsn("x@dispatch.example", "5.2.2", said="smtp; 552 5.2.2 full"), "--to", path(3)).output
        == "Recorded: soft_bounced.\n"
    )
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3


def test_the_return_path_of_a_sent_mail_leads_back(
    read: Read, app: Flask, db: Database, settings: Settings, path: Callable[[int], str]
) -> None:
    """This command reads the envelope's sender that a transport is given."""
    from newsletter.delivery.ledger.models import EditionKey
    from newsletter.delivery.sending.message_cache import MessageCache

    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
        cache = MessageCache(replace(settings, return_path_domain="bounces.example.org"))
        message = cache.message(session, batch.digest_id, EditionKey(batch.edition.mask, "en", Format.HTML))
    message = replace(message, reference=(("batch", str(batch.id)), ("attempt", "1")))
    sender = message.envelope_sender(Recipient(batch.first_id, R1))
    assert sender == path(1)
    assert read(dsn(sender)).output == "Recorded: bounced.\n"
    assert replace(message, return_path_domain="").envelope_sender(Recipient(1, R1)) == settings.mail_from


@pytest.mark.parametrize("number", [0, 4, 10**17])
def test_a_reader_who_is_not_in_the_batch_is_nobody(
    read: Read, db: Database, path: Callable[[int], str], number: int
) -> None:
    result = read(dsn(path(number)))
    assert (result.exit_code, result.output[:15]) == (0, "Nothing changed")
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3


def test_a_mail_that_is_no_report_is_no_error(read: Read, db: Database, path: Callable[[int], str]) -> None:
    for raw in (b"", holiday(path(1)), dsn(path(1), action="delayed"), dsn("r1@readers.example"), b"\xff" * 3_000_000):
        result = read(raw)
        assert (result.exit_code, result.output[:15]) == (0, "Nothing changed")
        assert result.output.count("\n") == 1
        assert "@" not in result.output
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=500), to=st.text(st.characters(exclude_categories=["C"]), max_size=40))
def test_no_bytes_change_anything(read: Read, db: Database, path: Callable[[int], str], raw: bytes, to: str) -> None:
    forged = path(1).replace("-", "-1", 1)
    for each in (raw, dsn(forged) + raw, raw + dsn(forged)):
        assert read(each, f"--to={to}").exit_code == 0
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3
    with db.reading() as session:
        assert session.query(Event).count() == session.query(Suppression).count() == 0


def test_the_mail_server_keeps_the_mail_while_the_database_is_away(
    read: Read, db: Database, path: Callable[[int], str]
) -> None:
    raw = dsn(path(1))
    with db.transaction() as session:
        session.execute(text("ALTER TABLE events RENAME TO hidden"))
    try:
        result = read(raw)
    finally:
        with db.transaction() as session:
            session.execute(text("ALTER TABLE hidden RENAME TO events"))
    assert result.exit_code == TRY_AGAIN
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("wrong", [{"MAIL_TRANSPORT": "pigeon"}, {}], ids=["a wrong setting", "an empty database"])
def test_the_mail_server_keeps_the_mail_until_the_settings_are_right(tmp_path: Path, wrong: dict[str, str]) -> None:
    with environment(tmp_path, **wrong):
        result = CliRunner().invoke(cli, ["bounces", "read"], input=dsn("b-1-1-signature@bounces.example.org"))
    assert result.exit_code == TRY_AGAIN
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1


@pytest.fixture
def confirmation(db: Database, settings: Settings) -> Callable[[str], str]:
    """Signs an address up and sends the confirmation; returns the envelope's sender that the transport was given."""

    def send(address: str) -> str:
        with db.transaction() as session:
            mail_id = sign_up(session, settings, address)
        assert mail_id is not None
        transport = RecordingTransport()
        with_bounces = replace(settings, return_path_domain="bounces.example.org")
        assert outgoing_sending.send_due(db, with_bounces, transport, MAIL_TYPES).claimed == 1
        return transport.senders[0]

    return send


class RecordingTransport:
    """Keeps the envelope's sender of each mail."""

    name, all_or_nothing, idempotent, deadline, silence = "recording", False, False, 5.0, 5.0
    unrecorded_tracking = Tracking.NOT_OFFERED

    def __init__(self) -> None:
        self.senders: list[str] = []

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        self.senders += [message.envelope_sender(recipient) for recipient in recipients]
        result.accept_rest("")

    def close(self) -> None: ...


def test_a_bounced_confirmation_ends_its_sign_up(
    read: Read, db: Database, settings: Settings, confirmation: Callable[[str], str]
) -> None:
    sender = confirmation("typo@readers.example")
    assert sender.startswith("m-")
    for _ in range(2):
        assert read(dsn(sender)).output == "Recorded: bounced.\n"
    assert statuses(db) == [SubscriberStatus.BOUNCED]
    with db.reading() as session:
        assert session.query(Event).count() == 1


def test_a_bounced_transactional_mail_to_another_address_ends_nothing(
    read: Read, db: Database, confirmation: Callable[[str], str]
) -> None:
    sender = confirmation("old@readers.example")
    with db.transaction() as session:
        session.execute(update(Subscriber).values(address="new@readers.example", address_key="new@readers.example"))
    assert read(dsn(sender)).output.startswith("Nothing changed")
    assert statuses(db) == [SubscriberStatus.PENDING]


def test_a_confirmation_that_was_confirmed_since_ends_nothing(
    read: Read, db: Database, confirmation: Callable[[str], str]
) -> None:
    sender = confirmation("late@readers.example")
    with db.transaction() as session:
        session.execute(
            update(Subscriber).values(status=SubscriberStatus.ACTIVE, confirmed_at=clock.now() + timedelta(seconds=5))
        )
    with clock.set_to(clock.now() + timedelta(hours=1)):
        assert read(dsn(sender)).output == "Recorded: bounced.\n"
    assert statuses(db) == [SubscriberStatus.ACTIVE]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("kind", [b"message/delivery-status", b"message/global-delivery-status"])
def test_encoded_and_international_reports_are_read(
    read: Read, db: Database, path: Callable[[int], str], encoding: str, kind: bytes
) -> None:
    fields = "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: utf-8; jürgen@readers.example\r\n"
    fields += "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 Empfänger unbekannt: jürgen\r\n"
    raw = fields.encode()
    content = {"base64": base64.encodebytes(raw), "quoted-printable": quopri.encodestring(raw), "8bit": raw}[encoding]
    whole = dsn(path(1)).replace(b"message/delivery-status\r\n\r\n", b"message/delivery-status\r\n\r\n<<")
    start, end = whole.index(b"<<"), whole.index(b"--b1", whole.index(b"<<"))
    head = whole[:start].replace(
        b"message/delivery-status\r\n\r\n", kind + b"\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
    )
    result = read(head + content + b"\r\n" + whole[end:], "--json")
    assert json.loads(result.stdout)["recorded"] == "bounced"
    assert "rgen" not in json.loads(result.stdout)["reason"]


def test_opting_out_is_unsubscribing(read: Read, db: Database, path: Callable[[int], str]) -> None:
    assert read(arf(original(path(2)), "opt-out")).output == "Recorded: unsubscribed.\n"
    assert statuses(db)[1] == SubscriberStatus.UNSUBSCRIBED


def test_a_failure_without_our_signature_is_not_believed(
    read: Read, db: Database, settings: Settings, path: Callable[[int], str]
) -> None:
    """Whoever has a forwarded letter knows its List-Unsubscribe."""
    with db.reading() as session:
        token = session.scalars(select(Subscriber.token).order_by(Subscriber.id).limit(1)).one()
    header = f"List-Unsubscribe: <{settings.url(f'/unsubscribe/{token}')}>\r\nSubject: News".encode()
    raw = dsn("x@dispatch.example").replace(b"Subject: News", header)
    assert header in raw
    assert read(raw).output.startswith("Nothing changed")
    assert statuses(db) == [SubscriberStatus.ACTIVE] * 3


def test_nothing_is_parsed_before_the_signature_fits(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(raw: bytes) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr("newsletter.delivery.events.bounces.email.message_from_bytes", parse)
    assert read(dsn("b-17-4-aaaaaaaaaaaaaaaa@bounces.example.org")).output.startswith("Nothing changed")
