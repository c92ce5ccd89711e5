"""One tick of the clock, on a real queue."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from rq.serializers import JSONSerializer

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.jobs import DRAIN, MAIL_JOB_LINGERS, SEND_MAILS
from newsletter.core.queue import MAIL, SENDING, Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.status import digest_status
from newsletter.delivery.sending import draining
from newsletter.mail import outgoing_mails
from newsletter.operations.retention import LAST_RUN_KEY
from newsletter.operations.tick import tick
from newsletter.subscribers.mail_payloads import Confirmation
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, request_signup, schedule_now, sign_up

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def settings(settings: Settings, valkey_url: str, queues: Queues) -> Settings:
    return replace(settings, redis_url=valkey_url)


def queued(queues: Queues, name: str) -> list[str | None]:
    return [job.func_name for job in queues.queues[name].jobs]


def send_now(db: Database, settings: Settings) -> int:
    add_article(db, "A story")
    add_readers(db, 1500)
    return schedule_now(db, settings)


def test_a_due_digest_is_frozen_and_a_drain_queued_once(db: Database, settings: Settings, queues: Queues) -> None:
    digest_id = send_now(db, settings)
    tick(runtime())
    with db.reading() as session:
        assert digest_status(session, digest_id).waiting == 1500
    assert queued(queues, SENDING) == [DRAIN]
    tick(runtime())
    assert queued(queues, SENDING) == [DRAIN], "nothing piles up"


def test_a_queue_that_lost_everything_is_rebuilt(db: Database, settings: Settings, queues: Queues) -> None:
    send_now(db, settings)
    with db.transaction() as session:
        outgoing_mails.add_mail(session, Confirmation(clock.now()), subscriber_id=None)
    tick(runtime())
    queues.redis.flushall()
    tick(runtime())
    assert queued(queues, SENDING) == [DRAIN]
    assert queued(queues, MAIL) == [SEND_MAILS]


def test_a_sign_up_whose_job_was_lost_gets_one_job(db: Database, queues: Queues) -> None:
    with db.transaction() as session:
        for number in range(3):
            request_signup(session, f"r{number}@readers.example")
    tick(runtime())
    tick(runtime())
    assert queued(queues, MAIL) == [SEND_MAILS]


def test_many_sign_ups_queue_one_job(queues: Queues) -> None:
    assert all(queues.enqueue_mails() for _ in range(100))
    assert queued(queues, MAIL) == [SEND_MAILS]


def test_a_sign_up_after_a_job_s_last_look_queues_another(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        queues.enqueue_mails_of_many()
    assert queued(queues, MAIL) == [SEND_MAILS]
    queues.redis.flushall()
    queues.enqueue_mails_of_many()
    assert queued(queues, MAIL) == [], "a job that began a moment ago looks for more"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + MAIL_JOB_LINGERS)
    queues.enqueue_mails_of_many()
    assert queued(queues, MAIL) == [SEND_MAILS]


def test_unconfirmed_subscribers_are_deleted_each_hour(db: Database, settings: Settings, queues: Queues) -> None:
    def readers() -> int:
        with db.reading() as session:
            return session.query(Subscriber).count()

    with clock.set_to(clock.now() - timedelta(days=15)), db.transaction() as session:
        sign_up(session, settings, "old@readers.example")
    tick(runtime())
    assert readers() == 0
    with clock.set_to(clock.now() - timedelta(days=15)), db.transaction() as session:
        sign_up(session, settings, "old@readers.example")
    tick(runtime())
    assert readers() == 1
    queues.redis.delete(LAST_RUN_KEY)
    tick(runtime())
    assert readers() == 0


def test_a_finished_digest_queues_nothing(db: Database, settings: Settings, queues: Queues) -> None:
    digest_id = send_now(db, settings)
    tick(runtime())
    queues.redis.flushall()
    draining.drain(runtime())
    tick(runtime())
    assert queued(queues, SENDING) == []
    with db.reading() as session:
        assert digest_status(session, digest_id).status == "sent"


def test_jobs_are_json_and_hold_no_address(db: Database, settings: Settings, queues: Queues) -> None:
    send_now(db, settings)
    with db.transaction() as session:
        outgoing_mails.add_mail(session, Confirmation(clock.now()), subscriber_id=None)
    tick(runtime())
    stored = [queues.redis.hgetall(key) for key in queues.redis.keys("rq:job:*")]
    assert len(stored) == 2
    assert "@" not in str(stored)
    assert queues.queues[SENDING].serializer is JSONSerializer


def test_the_lack_of_a_queue_is_no_error(db: Database, settings: Settings, queues: Queues) -> None:
    digest_id = send_now(db, settings)
    object.__setattr__(runtime(), "queues", Queues("unix:///nowhere/valkey.sock"))
    tick(runtime())
    with db.reading() as session:
        assert digest_status(session, digest_id).status == "sending"
