"""Whoever can write to Redis must not run code in workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from rq import Callback, Queue
from rq.serializers import JSONSerializer

from newsletter.core.config import Settings
from newsletter.core.jobs import DRAIN, SEND_MAILS, ForeignJobError, ListedJob
from newsletter.core.queue import SENDING, Queues
from workers import worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: Settings, queues: Queues, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


def strangers_queue(queues: Queues) -> Queue:
    """The queue as somebody sees it who has a Redis client and RQ."""
    return Queue(SENDING, connection=queues.redis, serializer=JSONSerializer)


def work_off(app: Flask, queues: Queues) -> None:
    worker.make_worker(app, queues, worker.Lane.DIGESTS).work(burst=True, logging_level="CRITICAL")


def test_a_job_that_names_another_function_is_not_run(app: Flask, queues: Queues, tmp_path: Path) -> None:
    job = strangers_queue(queues).enqueue_call("os.system", args=(f"touch {tmp_path / 'pwned'}",))
    work_off(app, queues)
    assert not (tmp_path / "pwned").exists()
    assert ListedJob.fetch(job.id, connection=queues.redis, serializer=JSONSerializer).is_failed


@pytest.mark.parametrize("kind", ["on_success", "on_failure", "on_stopped"])
def test_callbacks_are_not_called(app: Flask, queues: Queues, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "called"
    callbacks: dict[str, Any] = {kind: Callback("tests.functional.test_foreign_jobs.leave_a_trace")}
    (tmp_path.parent / "trace").write_text(str(path))
    for function in (DRAIN, "os.getpid"):
        strangers_queue(queues).enqueue_call(function, meta={"path": str(path)}, **callbacks)
    work_off(app, queues)
    assert not path.exists()


def leave_a_trace(job: Any, *_: object) -> None:
    Path(job.meta["path"]).touch()


@pytest.mark.parametrize("arguments", [{"args": ("1",)}, {"args": (1,)}, {"kwargs": {"mail_id": 1}}])
def test_no_job_has_arguments(app: Flask, queues: Queues, arguments: dict[str, Any]) -> None:
    strangers_queue(queues).enqueue_call(SEND_MAILS, **arguments)
    (job,) = (queues.queues[SENDING]).jobs
    with pytest.raises(ForeignJobError):
        job.perform()


def test_our_own_jobs_are_run(app: Flask, queues: Queues) -> None:
    assert queues.enqueue_drain()
    work_off(app, queues)
    assert queues.drains_queued() == 0
    assert queues.queues[SENDING].failed_job_registry.count == 0
