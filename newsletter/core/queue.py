"""The queue is a wake-up, never a record: what there is to do stands in the database.

Jobs are named by the dotted path of their entry point in `workers.jobs` and carry plain data, as JSON: pickle would run
code for anyone who can write to Redis. No address ever stands in Redis.
"""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

MAIL = "mail"
"""Single mails (a reader waits for them): worked off first."""
SIGNUPS = "signups"
"""Sign-ups that are to be decided on, and their mails: many at a time may be nobody's wish, so that what readers asked
for by a link of theirs comes before them."""
EVENTS = "events"
"""What providers report later: it holds up no mail, and digests hold it up for half a minute at most."""
SENDING = "sending"
"""Draining jobs, which send digests batch by batch."""

SEND_TRANSACTIONAL_MAIL = "workers.jobs.send_transactional_mail"
PROCESS_SIGNUPS = "workers.jobs.process_signups"
PROCESS_EVENTS = "workers.jobs.process_events"
DRAIN = "workers.jobs.drain"

JOB_TIMEOUT = 600
"""Seconds after which RQ ends a job; every job ends by itself long before."""


class Queues:
    """The four queues of the service, in one Redis or Valkey."""

    def __init__(self, url: str) -> None:
        self.redis: Redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=30)
        self.queues = {name: self._queue(name) for name in (MAIL, SIGNUPS, EVENTS, SENDING)}

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT)

    def enqueue_mail(self, mail_id: int) -> bool:
        """Queue the sending of one row of the outgoing table; False when the queue cannot be reached.

        Call it after the commit. A lost wake-up costs time, not mail: the sweeper finds the row.
        """
        return self._enqueue(MAIL, SEND_TRANSACTIONAL_MAIL, mail_id)

    def enqueue_signups(self) -> bool:
        """Queue one job that works off sign-ups, unless one is queued, however many there are: it takes whatever it
        finds when it begins. False when the queue cannot be reached.
        """
        return self._waits(SIGNUPS) or self._enqueue(SIGNUPS, PROCESS_SIGNUPS)

    def enqueue_events(self) -> bool:
        """Queue one job that works off providers' posts, unless one is queued: it takes whatever it finds when it
        begins. False when the queue cannot be reached.
        """
        return self.events_wait() or self._enqueue(EVENTS, PROCESS_EVENTS)

    def enqueue_drain(self) -> bool:
        """Queue one draining job; False when the queue cannot be reached."""
        return self._enqueue(SENDING, DRAIN)

    def drains_queued(self) -> int:
        """How many draining jobs wait for a worker. (Who is at work is for the ledger to say: a registry of jobs still
        names those of a killed worker.)
        """
        return self.queues[SENDING].count

    def workers(self) -> int:
        """How many workers listen for draining jobs."""
        return Worker.count(queue=self.queues[SENDING])

    def mail_waits(self) -> bool:
        """Whether a single mail is queued."""
        return self._waits(MAIL)

    def reader_waits(self) -> bool:
        """Whether a single mail or a sign-up is queued: every other job gives way to it."""
        return self._waits(MAIL) or self._waits(SIGNUPS)

    def events_wait(self) -> bool:
        """Whether providers' posts are to be worked off: a draining job gives way to that, but not after each batch."""
        return self._waits(EVENTS)

    def _waits(self, name: str) -> bool:
        try:
            return self.queues[name].count > 0
        except RedisError:
            return False

    def _enqueue(self, name: str, function: str, *args: int) -> bool:
        try:
            self.queues[name].enqueue_call(function, args=args, result_ttl=0, failure_ttl=86400)
        except RedisError as error:
            log.warning("the queue cannot be reached (%s); the sweeper will find the work", type(error).__name__)
            return False
        return True
