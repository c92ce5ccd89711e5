"""One tick of the clock. All of it is idempotent: two clocks do no harm, nor does one that is killed in mid-tick."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError

from newsletter.core.actors import CLOCK
from newsletter.core.db import log_after_commit
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import acceptance, refused_mailboxes
from newsletter.delivery.freezing import freeze, overdue
from newsletter.delivery.ledger import cancelling, recovery, restore_guard
from newsletter.delivery.ledger.lease_watch import LeaseWatch
from newsletter.delivery.letters import going_out
from newsletter.delivery.sending import failures, scheduled_sends
from newsletter.operations import enqueueing, public_record, retention

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds after the end of a lease before its batch is recovered."""


def tick(runtime: Runtime, *, first: bool = False, watch: LeaseWatch | None = None) -> bool:
    """Do what is due, in an order in which each step finds the work of the one before; whether there is more to do now.

    `first` marks the first tick of this clock: whatever it finds open was left by another one. `watch` is what this
    clock has seen of leases; without it they are measured by the database's time.
    """
    _record_tick(runtime, first=first)
    _pause_overdue_digests(runtime)
    _freeze_due_digests(runtime)
    _recover_and_close(runtime, watch)
    _list_letters(runtime)
    _end_refused_mailboxes(runtime)
    enqueueing.enqueue_due_work(runtime)
    retention.run_hourly(runtime)
    public_record.keep_record(runtime)
    return scheduled_sends.withdraw_batches(runtime.db, runtime.settings) > 0


def _record_tick(runtime: Runtime, *, first: bool) -> None:
    witness = restore_guard.RestoreWitness(runtime.settings.data_dir, runtime.queues.redis)
    restore_guard.record_tick(runtime, witness, first=first)


def _pause_overdue_digests(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        for digest_id in overdue.pause_overdue(session, runtime.settings.overdue_after):
            log_after_commit(session, log).warning("digest %d is overdue and waits for an editor", digest_id)


def _freeze_due_digests(runtime: Runtime) -> None:
    """Freeze each digest whose time has come. One that cannot be frozen is paused, and does not hold up the others."""
    with runtime.db.reading() as session:
        due = freeze.due_digests(session)
    witness = restore_guard.RestoreWitness(runtime.settings.data_dir, runtime.queues.redis)
    for digest_id in due:
        try:
            freeze.freeze_digest(runtime.db, runtime.settings, digest_id, witness)
        except DBAPIError:
            raise  # trouble of the database, not of the digest: the next tick tries again
        except Exception as error:
            log.exception("digest %d cannot be frozen", digest_id)
            failures.pause_for_unforeseen(runtime.db, digest_id, error, by=CLOCK)


def _recover_and_close(runtime: Runtime, watch: LeaseWatch | None) -> None:
    """Recover lost batches, decide what can be decided, and close the digests that are finished then."""
    with runtime.db.transaction() as session:
        if lost := recovery.recover_lost(session, grace=GRACE, watch=watch):
            log_after_commit(session, log).warning("%d batches whose worker was lost are recovered", lost)
        acceptance.resolve_proven(session)
        cancelling.cancel_waiting(session)
        for digest_id in recovery.close_finished(session, by=CLOCK):
            log_after_commit(session, log).info("digest %d is sent", digest_id)


def _list_letters(runtime: Runtime) -> None:
    with runtime.db.reading() as session:
        found = going_out.accepted_and_unlisted(session)
    if found:
        with runtime.db.transaction() as session:
            going_out.list_letters(session, found, runtime.settings.timezone)


def _end_refused_mailboxes(runtime: Runtime) -> None:
    with runtime.db.reading() as session:
        if not refused_mailboxes.refused_again(session):
            return
    with runtime.db.transaction() as session:
        count = refused_mailboxes.end_refused(session, runtime.settings.suppression_key, by=CLOCK)
    log.info("%d readers count as bounced: their mailbox was refused twice", count)
