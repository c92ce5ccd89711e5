"""The provider schedule: SendGrid keeps the time, and nobody has to decide anything. Counted where mail arrives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask, current_app
from sqlalchemy import select, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.sending import draining
from newsletter.digests import scheduling
from newsletter.operations.tick import tick
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_digest, add_readers, state_of
from tests.services import editor
from tests.services import sendgrid_exchange as does
from tests.services.sendgrid_standin import SendGridStandIn

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def provider() -> Iterator[SendGridStandIn]:
    with SendGridStandIn() as standin:
        yield standin


@pytest.fixture
def settings(settings: Settings, provider: SendGridStandIn, queues: Queues, valkey_url: str) -> Settings:
    return replace(provider.settings(settings), redis_url=valkey_url, mail_deadline=timedelta(seconds=6))


@pytest.fixture
def at() -> datetime:
    return clock.now().replace(microsecond=0) + timedelta(hours=2)


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings, at: datetime) -> int:
    """A digest to five readers with a provider schedule, due in two hours."""
    add_article(db, "A story")
    add_readers(db, 5)
    digest_id = add_digest(db)
    with db.transaction() as session:
        scheduling.schedule_digest(session, settings, digest_id, at, provider_schedule=True, by=OPERATOR)
    return digest_id


def tick_and_drain() -> None:
    tick(runtime())
    draining.drain(runtime())


def received(provider: SendGridStandIn) -> Counter[str]:
    return Counter(mail.address for mail in provider.mails())


def test_sendgrid_gets_it_half_an_hour_ahead_and_sends_it_at_its_time(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    with clock.set_to(at - timedelta(minutes=31)):
        tick_and_drain()
        assert (state_of(db, digest_id).status, provider.asked) == ("scheduled", 0)
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        found = state_of(db, digest_id)
        assert (found.status, found.accepted) == ("sending", 5), "until its time it can be withdrawn"
    (request,) = provider.requests
    assert request["send_at"] == at.timestamp()
    assert request["batch_id"] in provider.schedules.reserved
    with clock.set_to(at + timedelta(seconds=1)):
        tick(runtime())
    assert state_of(db, digest_id).status == "sent"


def test_sendgrid_keeps_the_hour_that_readers_chose(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    hour = (at + timedelta(hours=3)).replace(minute=0, second=0)
    with db.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id <= 2).values(hour=hour.hour, zone="UTC"))
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
    times = {len(request["personalizations"]): request["send_at"] for request in provider.requests}
    assert times == {3: at.timestamp(), 2: hour.timestamp()}
    with clock.set_to(at + timedelta(hours=1)):
        tick(runtime())
        assert state_of(db, digest_id).status == "sending", "mail that SendGrid keeps can still be withdrawn"
        with db.transaction() as session:
            editor.pause(session, digest_id)
        tick(runtime())
        assert state_of(db, digest_id).waiting == 2
        with db.transaction() as session:
            editor.resume(session, digest_id)
        tick_and_drain()
    assert provider.requests[-1]["send_at"] == hour.timestamp()
    with clock.set_to(hour + timedelta(seconds=1)):
        tick(runtime())
    assert state_of(db, digest_id).status == "sent"


@pytest.mark.parametrize("behaviour", [does.taken_and_reset, does.taken_and_silent, does.silent, does.status(500)])
def test_a_batch_in_doubt_is_withdrawn_and_sent_again_under_a_new_name(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime, behaviour: does.Behaviour
) -> None:
    provider.script(behaviour)
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        assert state_of(db, digest_id).in_doubt == 5
        tick_and_drain()
        assert state_of(db, digest_id).accepted == 5
    assert received(provider) == {f"r{n}@readers.example": 1 for n in range(1, 6)}
    assert len(provider.schedules.cancelled) == 1


def test_a_batch_in_doubt_near_its_time_waits_for_an_editor(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    provider.script(does.taken_and_reset)
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
    with clock.set_to(at - timedelta(minutes=10)):
        tick_and_drain()
        tick_and_drain()
    assert state_of(db, digest_id).in_doubt == 5
    assert provider.schedules.cancelled == []


def test_pausing_withdraws_and_resuming_sends_again(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        with db.transaction() as session:
            editor.pause(session, digest_id)
        tick_and_drain()
        assert received(provider) == {}
        assert state_of(db, digest_id).waiting == 5
        with db.transaction() as session:
            editor.resume(session, digest_id)
        tick_and_drain()
    assert set(received(provider).values()) == {1}
    assert len(provider.requests) == 2


def test_cancelling_withdraws_and_counts_everyone_as_cancelled(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        with db.transaction() as session:
            editor.cancel(session, digest_id)
        tick_and_drain()
        tick_and_drain()
    assert received(provider) == {}
    assert state_of(db, digest_id).cancelled == 5


def test_a_cancellation_that_sendgrid_knows_already_is_one(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    provider.script(does.taken_and_reset)
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        with db.reading() as session:
            name = session.scalars(select(Batch.provider_batch_id)).one()
        assert name
        provider.schedules.cancelled.append(name)
        tick_and_drain()
    assert state_of(db, digest_id).accepted == 5
    assert set(received(provider).values()) == {1}


def test_late_in_the_day_it_is_simply_sent(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    with clock.set_to(at + timedelta(minutes=1)):
        tick_and_drain()
    (request,) = provider.requests
    assert "send_at" not in request
    assert "batch_id" not in request


def test_another_transport_sends_nothing_before_its_time(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    """SendGrid closed the account: what it was to keep, a mail server would send half an hour early."""
    hour = (at + timedelta(hours=3)).replace(minute=0, second=0)
    with db.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id <= 2).values(hour=hour.hour, zone="UTC"))
    object.__setattr__(runtime().settings, "mail_transport", "maildir")
    for when, accepted in (
        (at - timedelta(minutes=29), 0),
        (at + timedelta(seconds=1), 3),
        (hour - timedelta(minutes=1), 3),
        (hour + timedelta(seconds=1), 5),
    ):
        with clock.set_to(when):
            tick_and_drain()
        assert state_of(db, digest_id).accepted == accepted
    assert state_of(db, digest_id).status == "sent"
    assert provider.requests == []


def test_a_withdrawal_that_nobody_can_finish_waits_for_an_editor_at_its_time(
    db: Database, digest_id: int, at: datetime
) -> None:
    """SendGrid does not answer, and another transport is set before it does."""
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        with db.transaction() as session:
            editor.pause(session, digest_id)
            session.scalars(select(Batch)).one().withdrawing = True
        object.__setattr__(runtime().settings, "mail_transport", "maildir")
        tick_and_drain()
        assert state_of(db, digest_id).accepted == 5
    with clock.set_to(at - timedelta(minutes=10)):
        tick_and_drain()
        assert state_of(db, digest_id).in_doubt == 5
        with db.transaction() as session:
            editor.resume(session, digest_id)
            editor.resolve(session, digest_id, was_sent=False)
    with clock.set_to(at + timedelta(seconds=1)):
        tick_and_drain()
        tick_and_drain()
    assert (state_of(db, digest_id).accepted, state_of(db, digest_id).status) == (5, "sent")


def test_it_needs_sendgrid_and_time(db: Database, settings: Settings, digest_id: int) -> None:
    later = clock.now() + timedelta(hours=1)
    with db.transaction() as session:
        with pytest.raises(InvalidError, match="half an hour"):
            scheduling.schedule_digest(
                session, settings, digest_id, clock.now() + timedelta(minutes=20), provider_schedule=True, by=OPERATOR
            )
        with pytest.raises(InvalidError, match="Only SendGrid"):
            scheduling.schedule_digest(
                session, replace(settings, mail_transport="smtp"), digest_id, later, provider_schedule=True, by=OPERATOR
            )


def test_an_answer_after_the_withdrawal_counts_nobody_as_mailed(
    db: Database, digest_id: int, provider: SendGridStandIn, at: datetime
) -> None:
    """The worker hangs with its 202, its lease is over, and what SendGrid took is withdrawn."""

    def take_and_withdraw(exchange: does.Exchange) -> None:
        answer = exchange.take()
        with db.transaction() as session:
            session.execute(update(Batch).values(lease_until=1.0))
        with app.app_context():
            tick(runtime())
        exchange.answer(*answer)

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    provider.script(take_and_withdraw)
    with clock.set_to(at - timedelta(minutes=29)):
        tick_and_drain()
        assert len(provider.schedules.cancelled) == 1
        tick_and_drain()
    with clock.set_to(at + timedelta(seconds=1)):
        tick(runtime())
    assert state_of(db, digest_id).status == "sent"
    (first, second) = provider.requests
    assert first["batch_id"] in provider.schedules.cancelled
    assert second["batch_id"] not in provider.schedules.cancelled
