"""`newsletter bounces read`, as a mail server's alias calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from newsletter.cli.bounces import bounces
from newsletter.cli.exit_codes import TRY_AGAIN
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch
from newsletter.mail import return_path
from newsletter.mail.formats import Format
from newsletter.subscribers.models import Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, hand_over
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
    from newsletter.mail.message import Recipient

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
