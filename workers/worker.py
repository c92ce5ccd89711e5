"""The worker's two processes: one for readers' mails, and one for digests and events. Both are RQ's workers.

A reader's mail never waits for a batch of a digest. Jobs for readers are short and many, so they run in their process;
a job that sends a digest is long, and runs in a fork, which can be killed without harm.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import time
from contextlib import suppress
from enum import StrEnum
from functools import partial
from resource import struct_rusage
from types import FrameType

from flask import Flask
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from newsletter.core import parent_death, shutdown
from newsletter.core.errors import ConfigurationError
from newsletter.core.jobs import ListedJob
from newsletter.core.languages import LANGUAGES, language_of
from newsletter.core.process_tree import RESTS, ForkedChild
from newsletter.core.queue import EVENTS, MAIL, SENDING, START_SIGNALS, Queues
from newsletter.core.runtime import Runtime, runtime_of
from newsletter.delivery.sending.abandoned import report_abandoned
from newsletter.delivery.sending.progress_files import ProgressFiles
from newsletter.mail.transports import open_transport
from workers import jobs  # noqa: F401 - every fork finds them loaded, with all that they need
from workers.rq_log import QuietListener, say_failures_of_the_queue_in_a_line

log = logging.getLogger(__name__)

WAIT_FOR_QUEUE = 20.0
"""Seconds that a starting worker waits for the queue: on a single machine the clock starts it at the same time."""

REST_AFTER = 20
"""Seconds without a job, after which a worker of `newsletter serve` rests: it ends, and the next job starts it again.
Each worker has 11 MB that it shares with nobody (measured)."""

END_WITHIN = 4.9
"""Seconds after SIGTERM: a little more than its child gets, whose end it reports to the queue."""


class Lane(StrEnum):
    """The work of one process."""

    MAILS = "mails"
    """Sign-ups and transactional mails."""
    DIGESTS = "digests"
    """Batches of digests, and providers' events."""


class _Resting(QuietListener):
    """Notes that it had nothing to do for all of the time that it may be idle."""

    rests = False

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        found = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        while found is None and not self.may_rest():
            found = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        self.rests = found is None
        return found

    def may_rest(self) -> bool:
        return True


class MailWorker(_Resting, SimpleWorker):
    """Runs each job inside the application's context, in this process. SIGTERM ends a job at its next safe point."""

    app: Flask

    max_connection_wait_time = 2.0
    """Seconds between two tries to reach the queue."""

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def handle_warm_shutdown_request(self) -> None:
        shutdown.request()


class DigestWorker(_Resting, Worker):
    """Runs each job in a fork. It notices dead jobs soon, and stops soon."""

    app: Flask
    _has_reported = False

    max_connection_wait_time = 2.0

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        shutdown.end_in_time()
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Leave it when the queue fails: else RQ would quit, and leave the child to itself."""
        with suppress(RedisError):
            super().maintain_heartbeats(job, execution)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: struct_rusage) -> None:
        """Report what the killed child had reached."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        self._report_abandoned()

    def run_maintenance_tasks(self) -> None:
        """Also report what dead processes had reached: a batch in doubt brings no job that would do it."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        self._report_abandoned()

    def may_rest(self) -> bool:
        """Not while the progress of a dead process waits for the database."""
        return self._has_reported

    def _report_abandoned(self) -> None:
        """Only this host has the progress files of its dead processes."""
        if shutdown.requested():  # the database may be the reason why a child had to be killed
            return
        runtime = runtime_of(self.app)
        try:
            report_abandoned(runtime.db, ProgressFiles(runtime.settings.data_dir))
            self._has_reported = True
        except SQLAlchemyError as error:  # the next look tries again
            self._has_reported = False
            log.warning("the progress of a dead process cannot be reported yet: %s", type(error).__name__)
        finally:
            runtime.db.dispose()  # no connection crosses a fork

    def setup_work_horse_signals(self) -> None:
        # A killed parent must not leave its child at work: RQ would give the same job to another worker (tried).
        parent_death.die_with_parent()
        signal.set_wakeup_fd(-1)  # it is the parent's
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _stop)

    def handle_warm_shutdown_request(self) -> None:
        shutdown.request()
        if self.horse_pid:
            self.kill_horse(sig=signal.SIGTERM)


LANES: dict[Lane, tuple[type[MailWorker | DigestWorker], tuple[str, ...]]] = {
    Lane.MAILS: (MailWorker, (MAIL,)),
    Lane.DIGESTS: (DigestWorker, (EVENTS, SENDING)),
}
"""The worker of each lane and its queues: a job of an earlier one is begun first."""


def prepare(runtime: Runtime) -> None:
    """Load what the processes shall share. Raises ConfigurationError for a wrong setting of the transport."""
    open_transport(runtime.settings).close()


def children(app: Flask, runtime: Runtime, *, rest_after: int | None = None) -> list[ForkedChild]:
    """The processes of a worker, for a process tree. They may rest only where the processes that queue jobs belong to
    the same tree."""
    lanes = [Lane.MAILS, *[Lane.DIGESTS] * runtime.settings.worker_concurrency]
    return [
        ForkedChild(
            f"worker {number} ({lane})",
            partial(run, app, runtime, lane, rest_after),
            stop_order=1,
            start_signal=START_SIGNALS[LANES[lane][1][0]] if rest_after else None,
        )
        for number, lane in enumerate(lanes, 1)
    ]


def run(app: Flask, runtime: Runtime, lane: Lane, rest_after: int | None = None) -> None:
    """Work until SIGTERM or SIGINT, whatever becomes of the queue meanwhile. Raises ConfigurationError when the queue
    cannot be reached at the start, and SystemExit with RESTS after `rest_after` seconds without a job."""
    shutdown.end_in_time(shutdown.AT_LAST if lane is Lane.MAILS else END_WITHIN)
    wait_for_queue(runtime.queues)
    if lane is Lane.DIGESTS:
        for language in LANGUAGES:  # each fork would read the catalogues
            language_of(language)
    # Forks share what is loaded now. A fork makes many thousands of small objects a second and soon drops them: at the
    # default thresholds it spends a sixth of its time in the collector (measured).
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    while not work_until_stopped(app, runtime, lane, rest_after):
        log.warning("the queue failed this worker, which waits for it")
        while not shutdown.wait(1.0) and not _answers(runtime.queues):
            pass


def work_until_stopped(app: Flask, runtime: Runtime, lane: Lane, rest_after: int | None = None) -> bool:
    """Work off the queue; True when the worker was asked to stop, False when the queue failed it. Raises SystemExit as
    `run` does.

    RQ's worker quits when Redis restarts, freezes or is full. It gets connections of its own, since it changes their
    time-outs for its long waits.
    """
    if shutdown.requested():
        return True
    say_failures_of_the_queue_in_a_line()
    queues = Queues(runtime.settings.redis_url, runtime.settings.send_deadline.total_seconds())
    try:
        worker = make_worker(app, queues, lane)
        worker.work(logging_level="WARNING", max_idle_time=rest_after)
        if worker._stop_requested or shutdown.requested():
            return True
        if worker.rests:
            sys.exit(RESTS)
        return False
    except RedisError as error:
        log.warning("the queue cannot be used: %s", type(error).__name__)
        return shutdown.requested()
    finally:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, _stop)
        queues.redis.close()


def make_worker(app: Flask, queues: Queues, lane: Lane) -> MailWorker | DigestWorker:
    """A worker that listens to the queues of its lane."""
    kind, names = LANES[lane]
    # With RQ's defaults an abandoned job was found after 812 s, with these after 62 s (measured).
    worker = kind(
        [queues.queues[name] for name in names],
        connection=queues.redis,
        serializer=JSONSerializer,
        job_class=ListedJob,
        worker_ttl=25,
        maintenance_interval=10,
        job_monitoring_interval=5,
    )
    worker.app = app
    worker.log_job_description = False
    return worker


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


def _answers(queues: Queues) -> bool:
    try:
        return bool(queues.redis.ping())
    except RedisError:
        return False


def _stop(_signum: int, _frame: FrameType | None) -> None:
    shutdown.request()
