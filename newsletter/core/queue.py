"""The queue, which tells workers that there is work. The database is the record of it: a lost job costs time alone.

Jobs are named by the dotted path of their entry point in `workers.jobs` and carry nothing: the database says what is
due. They are JSON, since pickle would run code for anyone who can write to Redis (see `core.jobs`).
"""

from __future__ import annotations

import logging
import signal
import time
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from newsletter.core import clock_signal, process_tree
from newsletter.core.jobs import DRAIN, MAIL_JOB_LINGERS, PROBE_LINKS, PROCESS_EVENTS, SEND_MAILS, TELL_HUB, ListedJob

log = logging.getLogger(__name__)

MAIL = "mail"
"""Sign-ups that wait for a decision, and transactional mails. Readers wait for them, so workers have a process for
these jobs alone."""
EVENTS = "events"
"""Providers' reports. They hold up no mail, and digests hold them up for half a minute at most."""
SENDING = "sending"
"""Drain jobs, which send digests batch by batch."""

START_SIGNALS = {MAIL: signal.SIGUSR1, EVENTS: signal.SIGUSR2, SENDING: signal.SIGUSR2}
"""The signal that starts the resting worker of a queue, in a process tree that has one (`core.process_tree`)."""

ANSWER_WITHIN = 1.0
"""Seconds for an answer of Redis: it answers in less than a thousandth, or it hangs, and work goes on without it."""
JOB_TIMEOUT = 600.0
"""Seconds after which RQ ends a job, besides what providers may take. Every job ends by itself long before."""
MOST_CALLS = 4
"""Calls of a transport that each take the whole deadline, in one job: after fewer a run ends."""


def warn_of_open_queue(url: str) -> None:
    """Log a warning for a REDIS_URL that leads to another machine without TLS or without a password.

    Others on the way could read the password, and a writer to Redis can hold up the mail.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix" or _is_loopback(parts.hostname or ""):
        return
    if parts.scheme != "rediss":
        log.warning("REDIS_URL leads to another machine without TLS: others on the way can read and change the queue")
    if not (parts.password or "password" in parse_qs(parts.query)):
        log.warning("REDIS_URL leads to another machine without a password: whoever reaches it can change the queue")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Queues:
    """The three queues of the service, in one Redis or Valkey.

    `send_deadline`: seconds that a call of the transport may take (MAIL_DEADLINE). RQ must not end a job meanwhile: the
    answer would be lost.
    """

    def __init__(self, url: str, send_deadline: float = 60.0) -> None:
        self._mails_enqueued_at = float("-inf")
        self._job_timeout = int(JOB_TIMEOUT + MOST_CALLS * send_deadline)
        self.redis: Redis = Redis.from_url(
            url,
            socket_connect_timeout=ANSWER_WITHIN,
            socket_timeout=ANSWER_WITHIN,
            # A lost connection is opened again at once. One that hangs would only hang for twice as long.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            health_check_interval=30,
            driver_info=None,  # or each connection reads redis-py's version from its files, and says it in two commands
        )
        self.queues = {name: self._queue(name) for name in (MAIL, EVENTS, SENDING)}

    def _queue(self, name: str) -> Queue:
        return Queue(
            name,
            connection=self.redis,
            serializer=JSONSerializer,
            default_timeout=self._job_timeout,
            job_class=ListedJob,
        )

    def signal_clock(self) -> None:
        """Have the clock look at what is due now. Call it after the commit of what may change that."""
        clock_signal.send_signal(self.redis)

    def enqueue_mails(self) -> bool:
        """Queue one job for all sign-ups and transactional mails, unless one is queued; False when the queue cannot be
        reached.

        Call it after the commit. A lost job costs time, not mail: the clock finds the rows.
        """
        return self._enqueue_once(MAIL, SEND_MAILS)

    def enqueue_mails_of_many(self) -> None:
        """The same for sign-ups, of which many may come together: a job that was queued a moment ago looks for more, so
        the queue is not asked for each of them.
        """
        now = time.monotonic()
        if now - self._mails_enqueued_at > MAIL_JOB_LINGERS / 2 and self.enqueue_mails():
            self._mails_enqueued_at = now

    def enqueue_events(self) -> bool:
        """Queue one job for all webhook deliveries, unless one is queued; False when the queue cannot be reached."""
        return self._enqueue_once(EVENTS, PROCESS_EVENTS)

    def enqueue_telling(self) -> bool:
        """Queue a job that tells the hub of the feeds, unless a job of that queue waits; False as above."""
        return self._enqueue_once(EVENTS, TELL_HUB)

    def enqueue_links(self) -> bool:
        """Queue a job that probes the links that are wanted, unless a job of that queue waits; False as above."""
        return self._enqueue_once(EVENTS, PROBE_LINKS)

    def request_senders(self) -> None:
        """Have the workers started that rest: drain jobs are queued, or were."""
        process_tree.request_start(START_SIGNALS[SENDING])

    def start_resting_workers(self) -> None:
        """Have the workers started that rest while jobs wait, whoever queued these."""
        for name, signum in START_SIGNALS.items():
            if self._is_waiting(name):
                process_tree.request_start(signum)

    def enqueue_drain(self) -> bool:
        """Queue one drain job; False when the queue cannot be reached."""
        return self._enqueue(SENDING, DRAIN)

    def drains_queued(self) -> int:
        """How many drain jobs wait for a worker.

        The ledger says how many are running: RQ's registry of jobs still names those of a killed worker.
        """
        return self.queues[SENDING].count

    def workers(self) -> int:
        """How many workers listen for drain jobs."""
        return Worker.count(queue=self.queues[SENDING])

    def mails_wait(self) -> bool:
        """Whether a job for sign-ups and transactional mails is queued."""
        return self._is_waiting(MAIL)

    def events_wait(self) -> bool:
        """Whether a job for webhook deliveries is queued: a drain job gives way to it, but not after each batch."""
        return self._is_waiting(EVENTS)

    def _is_waiting(self, name: str) -> bool:
        try:
            return self.queues[name].count > 0
        except RedisError:
            return False

    def _enqueue_once(self, name: str, function: str) -> bool:
        if self._is_waiting(name):
            process_tree.request_start(START_SIGNALS[name])
            return True
        return self._enqueue(name, function)

    def _enqueue(self, name: str, function: str) -> bool:
        try:
            self.queues[name].enqueue_call(function, result_ttl=0, failure_ttl=86400)
        except RedisError as error:
            log.warning("the queue cannot be reached (%s); the clock will find the work", type(error).__name__)
            return False
        process_tree.request_start(START_SIGNALS[name])
        return True
