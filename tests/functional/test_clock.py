"""The clock sleeps until something is due or signalled, and looks often enough for what was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core import clock, process_tree
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now
from newsletter.core.queue import SENDING, START_SIGNALS, Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.sending import draining
from newsletter.digests import lifecycle, scheduling
from newsletter.digests.models import Digest, PausedReason
from newsletter.mail import outgoing_mails
from newsletter.mail.models import OutgoingMail
from newsletter.operations import next_due
from newsletter.operations.tick import tick
from newsletter.subscribers.mail_payloads import Confirmation
from tests.factories import add_article, add_digest, add_readers, request_signup, schedule_now
from tests.services.patience import PATIENCE
from tests.services.statements import statements
from workers.clock import LEASE_KEY, LOOK_EVERY, WHILE_BUSY, Clock

AT = timedelta(hours=3)


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


class Ticks:
    """Ticks in this process."""

    def tick(self, *, first: bool) -> bool:
        return tick(runtime(), first=first)

    def rest(self) -> None:
        pass


@pytest.fixture
def idle(app: Flask, db: Database, queues: Queues) -> Clock:
    """A clock that has found nothing to do."""
    add_article(db, "A story")
    add_readers(db, 3)
    found = Clock(runtime(), Ticks())
    found.look()
    found.look()
    return found


@pytest.fixture
def ticks(idle: Clock, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The ticks from now on, which do nothing; whether each was a clock's first."""
    found: list[bool] = []

    def note(_self: object, *, first: bool) -> bool:
        found.append(first)
        return False

    monkeypatch.setattr(Ticks, "tick", note)
    return found


def until_due(db: Database) -> float | None:
    with db.bare() as connection:
        return next_due.seconds_until_due(connection)


def schedule(session: Session, settings: Settings, digest_id: int, *, ahead: bool = False) -> None:
    scheduling.schedule_digest(session, settings, digest_id, clock.now() + AT, provider_schedule=ahead, by=OPERATOR)


def test_nothing_is_due(db: Database, settings: Settings) -> None:
    assert until_due(db) is None
    add_article(db, "A story")
    add_digest(db)
    add_readers(db, 1)
    assert until_due(db) is None
    with db.transaction() as session:
        session.execute(update(Digest).values(status="paused", scheduled_at=clock.now()))
    assert until_due(db) is None


def test_a_scheduled_digest_is_due_at_its_time(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    digest_id = add_digest(db)
    with db.transaction() as session:
        schedule(session, settings, digest_id)
    assert until_due(db) == pytest.approx(AT.total_seconds(), abs=30)
    with clock.set_to(clock.now() + AT + timedelta(seconds=5)):
        assert (until_due(db) or 1) <= 0
    with db.transaction() as session:
        session.execute(update(Digest).values(provider_schedule=True))
    assert until_due(db) == pytest.approx((AT - timedelta(minutes=30)).total_seconds(), abs=30)


def claim(session: Session) -> None:
    session.execute(update(Batch).values(state=BatchState.CLAIMED, lease_until=epoch_now() + 900))


def wait_an_hour(session: Session) -> None:
    session.execute(update(Batch).values(not_before=clock.now() + timedelta(hours=1)))


def withdraw(session: Session) -> None:
    session.execute(update(Digest).values(provider_schedule=True))
    session.execute(update(Batch).values(state=BatchState.DONE, withdrawing=True))


def pause(session: Session) -> None:
    lifecycle.pause(session, session.scalars(select(Digest.id)).one(), PausedReason.EDITOR, None, by=OPERATOR)


@pytest.mark.parametrize(
    ("change", "seconds"), [(None, 0), (claim, 0), (wait_an_hour, 3600), (withdraw, 0), (pause, None)]
)
def test_a_digest_that_is_sent(
    app: Flask,
    db: Database,
    settings: Settings,
    queues: Queues,
    change: Callable[[Session], None] | None,
    seconds: int | None,
) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    schedule_now(db, settings)
    tick(runtime())
    if change:
        with db.transaction() as session:
            change(session)
    found = until_due(db)
    assert found is None if seconds is None else max(found or 0.0, 0.0) == pytest.approx(seconds, abs=30)
    draining.drain(runtime())


def test_mails_and_sign_ups_are_due(db: Database, settings: Settings) -> None:
    now = clock.now()
    with db.transaction() as session:
        outgoing_mails.add_mail(session, Confirmation(now), subscriber_id=None, not_before=now + timedelta(minutes=5))
    assert until_due(db) == pytest.approx(300, abs=30)
    with db.transaction() as session:
        outgoing_mails.add_mail(session, Confirmation(now), subscriber_id=None)
    assert (until_due(db) or 0.0) <= 0
    with db.transaction() as session:
        session.execute(update(OutgoingMail).values(lease_until=epoch_now() + 60))
    assert until_due(db) == pytest.approx(60, abs=30)
    with db.transaction() as session:
        request_signup(session, "ada@example.org")
    overlooked = next_due.OVERLOOKED_AFTER
    assert 0 < (until_due(db) or 0.0) <= overlooked.total_seconds(), "a worker has its job, and looks for it now"
    with clock.set_to(clock.now() + overlooked):
        assert (until_due(db) or 0.0) <= 0


def test_a_provider_s_report_is_due(app: Flask, client: FlaskClient, db: Database, settings: Settings) -> None:
    body = b'[{"event":"bounce","email":"a@example.org","timestamp":1700000000,"sg_event_id":"x","batch":"1"}]'
    with db.transaction() as session:
        assert webhook_deliveries.store_delivery(session, settings.suppression_key, body)
    assert until_due(db) == 0


def test_an_idle_clock_writes_nothing_and_asks_little(idle: Clock, db: Database) -> None:
    with statements(db) as executed:
        for _ in range(5):
            assert idle.look() == LOOK_EVERY
    assert len(executed) == 5 * 2
    assert {each.split()[0] for each in executed} == {"SELECT"}


def test_what_is_due_soon_is_slept_for(idle: Clock, db: Database, settings: Settings) -> None:
    digest_id = add_digest(db)
    with db.transaction() as session:
        scheduling.schedule_digest(session, settings, digest_id, clock.now() + timedelta(seconds=3), by=OPERATOR)
    assert 0 < idle.look() <= 3
    with clock.set_to(clock.now() + timedelta(seconds=3)):
        assert idle.look() == WHILE_BUSY, "it is frozen, and now sent"
    with db.reading() as session:
        assert session.get_one(Digest, digest_id).status == "sending"


def test_a_signal_ends_the_sleep_and_brings_a_tick(
    idle: Clock, db: Database, settings: Settings, queues: Queues
) -> None:
    digest_id = add_digest(db)
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    threading.Timer(0.2, queues.signal_clock).start()
    began = time.monotonic()
    idle.sleep(PATIENCE)
    assert time.monotonic() - began < PATIENCE
    idle.look()
    with db.reading() as session:
        assert session.get_one(Digest, digest_id).status == "sending"


def test_a_pause_is_looked_at_though_nothing_is_due(idle: Clock, queues: Queues, ticks: list[bool]) -> None:
    idle.look()
    assert ticks == []
    queues.signal_clock()
    idle.sleep(PATIENCE)
    idle.look()
    assert ticks == [False]


def test_without_a_queue_it_looks_each_second_and_ticks_once_it_is_back(
    idle: Clock, queues: Queues, ticks: list[bool]
) -> None:
    url = runtime().settings.redis_url
    gone = Queues("unix:///nowhere/valkey.sock")
    idle._signal.close()
    idle._signal._redis = gone.redis
    assert idle.look() == WHILE_BUSY
    idle._signal._redis = Queues(url).redis
    assert ticks == []
    assert idle.look() == LOOK_EVERY
    assert ticks == [False], "signals may have been lost meanwhile"


def test_a_standby_has_resting_workers_of_its_tree_started(
    idle: Clock, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock that has the lease may be outside of the tree: it queues jobs, and can start nobody there."""
    requested: list[signal.Signals] = []
    monkeypatch.setattr(process_tree, "request_start", requested.append)
    queues.redis.set(LEASE_KEY, "elsewhere:1")
    idle.look()
    assert requested == []
    queues.queues[SENDING].enqueue_call("drain")
    idle.look()
    assert requested == [START_SIGNALS[SENDING]]


def test_a_standby_waits_and_a_dead_clock_of_this_host_is_not_waited_for(
    idle: Clock, queues: Queues, ticks: list[bool]
) -> None:
    host = idle._name.rpartition(":")[0]
    alive = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    other = Clock(runtime(), Ticks())
    for holder in (f"{host}:{alive.pid}", "elsewhere:1", "odd"):
        queues.redis.set(LEASE_KEY, holder)
        assert other.look() == LOOK_EVERY
        assert ticks == []
    queues.redis.set(LEASE_KEY, f"{host}:{alive.pid}")
    alive.kill()
    alive.wait()
    other.look()
    assert ticks == [True]
    assert queues.redis.get(LEASE_KEY) == f"{host}:{os.getpid()}".encode()
