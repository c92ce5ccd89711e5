"""Draining: one job claims batch after batch, since a forked RQ job costs 16 ms of CPU (measured)."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger import control, recovery, restore_guard, transitions
from newsletter.delivery.ledger.transitions import Claim
from newsletter.delivery.sending import batch_sending
from newsletter.delivery.sending.batch_run import UNFORESEEN, BatchRun
from newsletter.delivery.sending.context import SendingContext

log = logging.getLogger(__name__)

WRITE_WITHIN = 30.0
"""Seconds for which an answer is tried to be written down: the lease lasts longer."""


def drain(runtime: Runtime) -> bool:
    """Send ready batches for up to DRAIN_FOR seconds; True when there may be more to do.

    Gives way earlier when a single mail waits (a reader who signs up does not wait for a digest), and, after
    EVENTS_AFTER seconds, when providers' events do.
    """
    kit = SendingContext.open(runtime)
    try:
        with runtime.db.reading() as session:
            if restore_guard.is_set_back(
                session, restore_guard.RestoreWitness(runtime.settings.data_dir, runtime.queues.redis)
            ):
                return False  # the clock pauses what is open at its next turn
        with runtime.db.transaction() as session:
            claim = transitions.claim_batch(session)
        while claim is not None and not shutdown.requested():
            run = _send(kit, claim)
            more = not shutdown.requested() and not kit.gives_way()
            claim = _next(runtime, run, more=more)
            if not more:
                return True
        return _stop(runtime, claim)
    finally:
        kit.close()


def _send(kit: SendingContext, claim: Claim) -> BatchRun | None:
    """What went wrong before anything was sent pauses the digest, and does not come back for ever."""
    try:
        return batch_sending.send_batch(kit, claim)
    except DBAPIError:
        raise
    except Exception as error:
        log.exception("batch %d of digest %d", claim.batch_id, claim.digest_id)
        with kit.db.transaction() as session:
            control.pause_for_error(session, claim.digest_id, UNFORESEEN.format(name=type(error).__name__))
            transitions.release_batch(session, claim)
        return None


def _next(runtime: Runtime, run: BatchRun | None, *, more: bool) -> Claim | None:
    """One transaction for the end of this batch and the beginning of the next.

    An answer that is known must not be lost to a database that is locked or away for a moment: it is tried again, and
    then alone.
    """
    end = time.monotonic() + WRITE_WITHIN
    while True:
        try:
            with runtime.db.transaction() as session:
                if run is not None:
                    batch_sending.record_outcomes(session, run)
                claim = transitions.claim_batch(session) if more else None
        except DBAPIError as error:
            if run is None or time.monotonic() > end:
                raise
            log.warning("batch %d cannot be written down yet: %s", run.claim.batch_id, type(error.orig).__name__)
            more = False
            time.sleep(0.5)
        else:
            if run is not None:
                run.tidy()
            return claim


def _stop(runtime: Runtime, claim: Claim | None) -> bool:
    with runtime.db.transaction() as session:
        if claim is not None:  # asked to stop before it was sent
            transitions.release_batch(session, claim)
            return True
        recovery.close_finished(session)
        return False
