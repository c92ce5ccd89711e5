"""The worker: RQ's, with the application's context around each job. It notices dead jobs soon, and stops soon."""

from __future__ import annotations

import gc
import signal
import time
from types import FrameType

from flask import Flask
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from newsletter.core import parent_death, shutdown
from newsletter.core.errors import ConfigurationError
from newsletter.core.languages import LANGUAGES, language_of
from newsletter.core.queue import EVENTS, MAIL, SENDING, SIGNUPS, Queues
from newsletter.core.runtime import Runtime
from newsletter.mail.transports import open_transport
from workers import jobs  # noqa: F401 - every fork finds them loaded, with all that they need

WAIT_FOR_QUEUE = 20.0
"""Seconds that a starting worker waits for the queue: on a single machine the clock starts it at the same time."""


class NewsletterWorker(Worker):
    """Runs each job inside the application's context. SIGTERM ends a job at its next safe point."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def setup_work_horse_signals(self) -> None:
        # A killed parent must not leave its child at work: RQ would give the same job to another worker (tried).
        parent_death.die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _stop)

    def handle_warm_shutdown_request(self) -> None:
        if self.horse_pid:
            self.kill_horse(sig=signal.SIGTERM)


def run(app: Flask, runtime: Runtime) -> None:
    """Work until SIGTERM or SIGINT. Raises ConfigurationError when the queue cannot be reached."""
    open_transport(runtime.settings).close()  # a wrong setting stops the start, and forks find its modules loaded
    for language in LANGUAGES:
        language_of(language)
    wait_for_queue(runtime.queues)
    # With RQ's defaults an abandoned job was found after 812 s, with these after 62 s (measured).
    worker = NewsletterWorker(
        queues_by_urgency(runtime.queues),
        connection=runtime.queues.redis,
        serializer=JSONSerializer,
        worker_ttl=25,
        maintenance_interval=10,
        job_monitoring_interval=5,
    )
    worker.app = app
    # Forks share what is loaded now. A fork makes many thousands of small objects a second and soon drops them: at the
    # default thresholds it spends a sixth of its time in the collector (measured).
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    worker.log_job_description = False
    worker.work(logging_level="WARNING")


def queues_by_urgency(queues: Queues) -> list[Queue]:
    """The queues that a worker listens to: a job of an earlier one is begun first."""
    return [queues.queues[name] for name in (MAIL, SIGNUPS, EVENTS, SENDING)]


def wait_for_queue(queues: Queues, seconds: float = WAIT_FOR_QUEUE) -> None:
    """Return when the queue answers. Raises ConfigurationError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            queues.redis.ping()
        except RedisError as error:
            if time.monotonic() > end:
                raise ConfigurationError("queue.unreachable", "The queue cannot be reached.") from error
            time.sleep(0.1)
        else:
            return


def _stop(_signum: int, _frame: FrameType | None) -> None:
    shutdown.request()
