"""A queue that hangs, as Valkey does when it is stopped: connections to it open, and nothing answers."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy import select

from newsletter.app import create_app
from newsletter.core import queue
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.sending import draining
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.embedded.valkey import EmbeddedValkey
from tests.factories import add_article, add_readers, schedule_now, send_digest, state_of
from tests.functional.test_engine_faults import split_in_singles
from tests.functional.test_silent_database import Provider, SilencingSendGrid, SilencingSink
from tests.services import sendgrid_exchange as does
from tests.services.patience import PATIENCE
from tests.services.processes import RunningService
from tests.services.sendgrid_standin import SendGridStandIn

LONGER_THAN_A_WORKER_WAITS = 23.0
"""Seconds: RQ gives Redis 20 for an answer to its long waits."""


class Freezer:
    """A Valkey of the test's own, which can be stopped."""

    def __init__(self, folder: Path) -> None:
        self.valkey = EmbeddedValkey(folder)
        self.valkey.ensure()
        self.url = f"unix://{self.valkey.socket}"

    def freeze(self) -> None:
        assert self.valkey.process is not None
        self.valkey.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.valkey.process is not None
        self.valkey.process.send_signal(signal.SIGCONT)


@pytest.fixture(autouse=True)
def impatient_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ANSWER_WITHIN", 1.0)


@pytest.fixture
def freezer(tmp_path: Path) -> Iterator[Freezer]:
    freezer = Freezer(tmp_path / "queue")
    yield freezer
    freezer.thaw()
    freezer.valkey.stop()


@pytest.mark.parametrize("kind", [SilencingSendGrid, SilencingSink])
def test_what_was_begun_is_sent_and_each_answer_written_down_first(
    db: Database,
    settings: Settings,
    freezer: Freezer,
    kind: Callable[[Callable[[], None]], Provider],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_article(db, "A story")
    add_readers(db, 5)
    digest_id = send_digest(db, settings)
    split_in_singles(db)
    should_yield, looks = SendingContext.should_yield, []

    def look(context: SendingContext) -> bool:
        with db.reading() as session:
            looks.append(session.scalars(select(Batch.id).where(Batch.state == BatchState.SENDING)).all())
        return should_yield(context)

    with kind(freezer.freeze) as provider:
        app = create_app(replace(provider.settings(settings), redis_url=freezer.url))
        monkeypatch.setattr(draining, "SendingContext", type("Looking", (SendingContext,), {"should_yield": look}))
        with app.app_context():
            draining.drain(runtime())
        app.extensions["newsletter"].db.dispose()
        assert provider.arrived() == {f"r{number}@readers.example": 1 for number in range(1, 6)}
    assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", 5)
    if kind is SilencingSendGrid:  # by SMTP a run looks in its middle, too: it may be long
        assert looks
        assert not any(looks)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAWorker:
    def test_one_that_waits_for_work_goes_on_afterwards(
        self, app: Flask, db: Database, settings: Settings, freezer: Freezer
    ) -> None:
        settings = replace(settings, redis_url=freezer.url)
        add_article(db, "A story")
        add_readers(db, 20)
        with RunningService(settings, workers=1) as service:
            worker = service.supervisor.children[1]
            service.until(lambda: listening(freezer) == 1, "the worker's start")
            pid = worker.process.pid
            freezer.freeze()
            time.sleep(LONGER_THAN_A_WORKER_WAITS)
            freezer.thaw()
            digest_id = schedule_now(db, settings)
            service.until(lambda: state_of(db, digest_id).status == "sent", "the digest being sent")
            assert worker.process.pid == pid

    def test_one_that_is_at_work_keeps_its_child(
        self, app: Flask, db: Database, settings: Settings, freezer: Freezer
    ) -> None:
        thawed = threading.Event()

        def behave(exchange: does.Exchange) -> None:
            answer = exchange.take()
            freezer.freeze()
            thawed.wait(PATIENCE)
            exchange.answer(*answer)

        add_article(db, "A story")
        add_readers(db, 20)
        with SendGridStandIn() as provider:
            provider.script(behave)
            settings = replace(provider.settings(settings), mail_deadline=None, redis_url=freezer.url)
            digest_id = schedule_now(db, settings)
            with RunningService(settings, workers=1) as service:
                worker = service.supervisor.children[1]
                service.until(lambda: provider.asked == 1, "the request")
                pid, (child,) = worker.process.pid, psutil.Process(worker.process.pid).children()
                time.sleep(LONGER_THAN_A_WORKER_WAITS + 5)  # it tells Redis each 5 s that the job goes on
                freezer.thaw()
                thawed.set()
                service.until(lambda: state_of(db, digest_id).status == "sent", "the digest being sent")
                service.until(
                    lambda: child not in psutil.Process(pid).children(), "the end of a child that is waited for"
                )
                assert worker.process.pid == pid
        assert provider.asked == 1


def listening(freezer: Freezer) -> int:
    queues = Queues(freezer.url)
    try:
        return queues.workers()
    except RedisError:
        return 0
    finally:
        queues.redis.close()
