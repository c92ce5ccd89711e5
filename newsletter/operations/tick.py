"""One turn of the clock. Whatever it does is idempotent: two clocks, or a clock killed in mid-turn, do no harm."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from newsletter.core import secure_delete
from newsletter.core.actors import CLOCK
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import acceptance, webhook_deliveries
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import cancelling, recovery, restore_guard
from newsletter.delivery.sending import failures, scheduled_sends
from newsletter.mail import outgoing
from newsletter.subscribers import retention
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds after the end of a lease before a batch is taken back."""
MOST_DRAINS = 64
FORGET_EVERY = 3600
"""Seconds between two looks for what nobody confirmed."""
FORGOTTEN_KEY = "newsletter:forgotten"


@dataclass
class Waker:
    """Sees to it that there are jobs for what is to be done; the queue may have lost them."""

    runtime: Runtime

    def enqueue_drains(self) -> None:
        """As many draining jobs as there are workers, but no more than there are batches."""
        queues = self.runtime.queues
        workers = min(max(queues.workers(), 1), MOST_DRAINS)
        with self.runtime.db.reading() as session:
            wanted = min(recovery.count_ready(session, workers), max(workers - recovery.count_busy(session), 1))
        for _ in range(wanted - queues.drains_queued()):
            queues.enqueue_drain()

    def enqueue_mails(self) -> None:
        """Rows of the outgoing table whose wake-up was lost: only while nothing is queued, so that none piles up."""
        queues = self.runtime.queues
        if queues.mail_waits():
            return
        with self.runtime.db.reading() as session:
            mails = outgoing.due_mails(session)
        for mail_id in mails:
            queues.enqueue_mail(mail_id)

    def enqueue_signups(self) -> None:
        """Sign-ups whose wake-up was lost."""
        with self.runtime.db.reading() as session:
            waiting = process_signups.signups_wait(session)
        if waiting:
            self.runtime.queues.enqueue_signups()

    def enqueue_events(self) -> None:
        """Providers' posts whose wake-up was lost."""
        with self.runtime.db.reading() as session:
            waiting = webhook_deliveries.deliveries_wait(session)
        if waiting:
            self.runtime.queues.enqueue_events()


def tick(runtime: Runtime, *, first: bool = False) -> None:
    """Freeze what is due, take back what was lost, close what is finished, and wake the workers.

    `first`: the first turn of this clock, when what is found open was left by somebody else.
    """
    db, settings = runtime.db, runtime.settings
    restore_guard.record_tick(
        runtime, restore_guard.RestoreWitness(settings.data_dir, runtime.queues.redis), first=first
    )
    with db.transaction() as session:
        for digest_id in freeze.pause_overdue(session, settings.overdue_after):
            log.warning("digest %d is overdue and waits", digest_id)
    _freeze(runtime)
    with db.transaction() as session:
        if lost := recovery.recover_lost(session, grace=GRACE):
            log.warning("%d batches whose worker was lost are taken back", lost)
        acceptance.resolve_proven(session)
        cancelling.cancel_waiting(session)
        for digest_id in recovery.close_finished(session, by=CLOCK):
            log.info("digest %d is sent", digest_id)
    waker = Waker(runtime)
    try:
        waker.enqueue_drains()
        waker.enqueue_mails()
        waker.enqueue_signups()
        waker.enqueue_events()
    except RedisError as error:
        log.warning("the queue cannot be reached (%s); trying again", type(error).__name__)
    _forget(runtime)
    if settings.mail_transport == "sendgrid":
        scheduled_sends.withdraw_batches(db, settings)


def _forget(runtime: Runtime) -> None:
    """Each hour, what nobody confirmed, and what an erasure left. Without Redis, which keeps the time, it waits."""
    try:
        if not runtime.queues.redis.set(FORGOTTEN_KEY, 1, nx=True, ex=FORGET_EVERY):
            return
    except RedisError:
        return
    more = True
    while more:
        with runtime.db.transaction() as session:
            more = retention.delete_unconfirmed(session)
    secure_delete.purge_pending(runtime.db)


def _freeze(runtime: Runtime) -> None:
    """A digest that cannot be frozen waits for an editor, and holds up nothing else."""
    with runtime.db.reading() as session:
        due = freeze.due_digests(session)
    for digest_id in due:
        try:
            freeze.freeze_digest(runtime.db, runtime.settings, digest_id)
        except DBAPIError:
            raise  # the database's own trouble: the next turn tries again
        except Exception as error:
            log.exception("digest %d cannot be frozen", digest_id)
            failures.pause_for_unforeseen(runtime.db, digest_id, error, by=CLOCK)
