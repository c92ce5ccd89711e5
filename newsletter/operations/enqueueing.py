"""Jobs for the work that is due.

The database says what is due, and the queue may have lost it: with Redis its jobs can vanish, and a process can die
between its commit and the queue. The clock calls this each second, so lost work waits no longer than that.
"""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from newsletter.core.runtime import Runtime
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.ledger import recovery
from newsletter.mail import outgoing_mails
from newsletter.operations import link_checks, websub
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

MOST_DRAINS = 64


def enqueue_due_work(runtime: Runtime) -> None:
    """Queue a job for whatever is due and has none. Without Redis the next tick tries again."""
    try:
        _enqueue_drains(runtime)
        _enqueue_mails(runtime)
        _enqueue_events(runtime)
        _enqueue_telling(runtime)
        _enqueue_links(runtime)
    except RedisError as error:
        log.warning("the queue cannot be reached (%s); trying again", type(error).__name__)


def _enqueue_drains(runtime: Runtime) -> None:
    """Queue as many draining jobs as there are workers, but no more than there are batches."""
    queues = runtime.queues
    workers = min(max(queues.workers(), 1), MOST_DRAINS)
    with runtime.db.reading() as session:
        wanted = min(recovery.count_ready(session, workers), max(workers - recovery.count_busy(session), 1))
    if wanted:
        queues.request_senders()
    for _ in range(wanted - queues.drains_queued()):
        queues.enqueue_drain()


def _enqueue_mails(runtime: Runtime) -> None:
    with runtime.db.reading() as session:
        waiting = outgoing_mails.mails_wait(session) or process_signups.signups_wait(session)
    if waiting:
        runtime.queues.enqueue_mails()


def _enqueue_events(runtime: Runtime) -> None:
    with runtime.db.reading() as session:
        waiting = webhook_deliveries.deliveries_wait(session)
    if waiting:
        runtime.queues.enqueue_events()


def _enqueue_telling(runtime: Runtime) -> None:
    if runtime.settings.websub_hub and websub.is_due(runtime):
        runtime.queues.enqueue_telling()


def _enqueue_links(runtime: Runtime) -> None:
    if link_checks.links_are_due(runtime):
        runtime.queues.enqueue_links()
