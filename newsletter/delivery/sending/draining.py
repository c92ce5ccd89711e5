"""Draining: one job sends batch after batch, since a forked RQ job costs 16 ms of CPU (measured)."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.actors import WORKER
from newsletter.core.db import Database
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.restore_guard import is_set_back
from newsletter.delivery.sending.abandoned import report_abandoned
from newsletter.delivery.sending.batch_run import BatchRun
from newsletter.delivery.sending.batch_sending import send_batch
from newsletter.delivery.sending.recording import record_outcomes
from newsletter.delivery.sending.sending_context import SendingContext

log = logging.getLogger(__name__)

RECORD_WITHIN = 30.0
"""Seconds for which recording answers is tried again: the lease lasts longer."""


def drain(runtime: Runtime) -> bool:
    """Send ready batches for up to DRAIN_FOR seconds; True when there may be more to do.

    Yields earlier, after EVENTS_AFTER seconds, when providers' events wait.
    """
    db, context = runtime.db, SendingContext.open(runtime)
    try:
        if _is_restored_backup(context):
            return False  # the clock pauses the open digests at its next tick
        report_abandoned(db, context.progress)
        claim = _record_and_claim(db, None, claim_next=True)
        while claim is not None and not shutdown.requested():
            run = send_batch(context, claim)
            # The answers are written down before the queue is looked at: it may hang.
            claim = _record_and_claim(db, run, claim_next=not shutdown.requested())
            if claim is not None and context.should_yield():
                break
        return _end(db, claim)
    finally:
        context.close()


def _is_restored_backup(context: SendingContext) -> bool:
    if context.witness is None:
        return False
    with context.db.reading() as session:
        return is_set_back(session, context.witness)


def _record_and_claim(db: Database, run: BatchRun | None, *, claim_next: bool) -> Claim | None:
    """Record one batch and claim the next, in one transaction.

    A known answer must not be lost to a database that is locked or away for a moment: recording is tried again, and
    then alone.
    """
    try:
        return _try_to_record(db, run, claim_next=claim_next)
    finally:
        if run is not None:
            run.progress.close()


def _try_to_record(db: Database, run: BatchRun | None, *, claim_next: bool) -> Claim | None:
    end = time.monotonic() + RECORD_WITHIN
    while True:
        try:
            with db.transaction() as session:
                recorded = run is not None and record_outcomes(session, run)
                claim = claims.claim_batch(session) if claim_next else None
        except DBAPIError as error:
            if run is None or time.monotonic() > end:
                raise
            log.warning("batch %d cannot be recorded yet: %s", run.claim.batch_id, type(error.orig).__name__)
            claim_next = False
            time.sleep(0.5)
        else:
            if run is not None and recorded:
                run.progress.delete()
            return claim


def _end(db: Database, claim: Claim | None) -> bool:
    """Release a batch that was claimed and is not sent now; else close what is finished. Whether more may be to do."""
    with db.transaction() as session:
        if claim is not None:
            claims.release_batch(session, claim)
            return True
        recovery.close_finished(session, by=WORKER)
        return False
