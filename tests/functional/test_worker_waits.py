"""A worker waits for its queue, instead of quitting when it restarts or fails."""

from __future__ import annotations

import psutil
import pytest
from flask import Flask
from redis.client import PubSubWorkerThread
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.process_tree import RESTS
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.status import digest_status
from tests.factories import add_article, add_readers, schedule_now
from tests.services.processes import RunningService, on_one_machine, queues_of
from workers import worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("lane", worker.Lane)
@pytest.mark.parametrize("error", [RedisTimeoutError("frozen"), OutOfMemoryError("full"), RedisError("odd")])
def test_an_error_of_the_queue_is_no_reason_to_quit(
    app: Flask,
    settings: Settings,
    queues: Queues,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: RedisError,
    lane: worker.Lane,
) -> None:
    object.__setattr__(runtime().settings, "redis_url", valkey_url)

    def fail(*_args: object, **_values: object) -> None:
        raise error

    monkeypatch.setattr("rq.worker.BaseWorker.dequeue_job_and_maintain_ttl", fail)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert worker.work_until_stopped(app, runtime(), lane) is False
    assert "quitting..." in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("error", [OSError(9, "Bad file descriptor"), ValueError("I/O operation on closed file.")])
@pytest.mark.parametrize("lane", worker.Lane)
def test_the_thread_that_hears_commands_ends_with_its_connection(
    app: Flask, queues: Queues, lane: worker.Lane, error: Exception
) -> None:
    made = worker.make_worker(app, queues, lane)
    thread = PubSubWorkerThread(queues.redis.pubsub(), 1.0)  # type: ignore[no-untyped-call]
    thread._running.set()
    try:
        raise error
    except (OSError, ValueError):  # as the thread does
        made._pubsub_exception_handler(error, thread.pubsub, thread)
    assert not thread._running.is_set()


@pytest.mark.parametrize("lane", worker.Lane)
def test_a_worker_without_a_job_rests_where_it_may(
    app: Flask, queues: Queues, valkey_url: str, monkeypatch: pytest.MonkeyPatch, lane: worker.Lane
) -> None:
    object.__setattr__(runtime().settings, "redis_url", valkey_url)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        worker.work_until_stopped(app, runtime(), lane, rest_after=1)
    assert ended.value.code == RESTS
    assert queues.workers() == 0


def test_the_same_worker_goes_on_after_the_queue_was_killed(db: Database, settings: Settings) -> None:
    settings = on_one_machine(settings)
    add_article(db, "A story")
    add_readers(db, 20)
    with RunningService(settings, workers=1) as service:
        clock, a_worker = service.supervisor.children[:2]
        listening = Queues(settings.redis_url)
        service.until(lambda: _count(listening) == 1, "the worker's start")
        pid = a_worker.process.pid
        (valkey,) = queues_of(psutil.Process(clock.process.pid))
        valkey.kill()
        digest_id = schedule_now(db, settings)

        def is_sent() -> bool:
            with db.reading() as session:
                return digest_status(session, digest_id).status == "sent"

        service.until(is_sent, "the digest being sent")
        assert a_worker.process.pid == pid


def _count(queues: Queues) -> int:
    try:
        return queues.workers()
    except RedisError:
        return 0
