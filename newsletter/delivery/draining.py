"""Draining: one job claims batch after batch, since a forked RQ job costs 16 ms of CPU (measured)."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import stopping
from newsletter.core.runtime import Runtime
from newsletter.delivery import control, ledger, restored, sending, sweeping
from newsletter.delivery.kit import Kit
from newsletter.delivery.ledger import Claim
from newsletter.delivery.run import UNFORESEEN, Run

log = logging.getLogger(__name__)

WRITE_WITHIN = 30.0
"""Seconds for which an answer is tried to be written down: the lease lasts longer."""


def drain(runtime: Runtime) -> bool:
    """Send ready batches for up to DRAIN_FOR seconds; True when there may be more to do.

    Gives way earlier when a single mail waits (a reader who signs up does not wait for a digest), and, after
    EVENTS_AFTER seconds, when providers' events do.
    """
    kit = Kit.open(runtime)
    try:
        with runtime.db.reading() as session:
            if restored.is_set_back(session, restored.Witness(runtime.settings.data_dir, runtime.queues.redis)):
                return False  # the clock pauses what is open at its next turn
        with runtime.db.transaction() as session:
            claim = ledger.claim(session)
        while claim is not None and not stopping.asked():
            run = _send(kit, claim)
            more = not stopping.asked() and not kit.gives_way()
            claim = _next(runtime, run, more=more)
            if not more:
                return True
        return _stop(runtime, claim)
    finally:
        kit.close()


def _send(kit: Kit, claim: Claim) -> Run | None:
    """What went wrong before anything was sent pauses the digest, and does not come back for ever."""
    try:
        return sending.send(kit, claim)
    except DBAPIError:
        raise
    except Exception as error:
        log.exception("batch %d of digest %d", claim.batch_id, claim.digest_id)
        with kit.db.transaction() as session:
            control.pause_for_error(session, claim.digest_id, UNFORESEEN.format(name=type(error).__name__))
            ledger.give_back(session, claim)
        return None


def _next(runtime: Runtime, run: Run | None, *, more: bool) -> Claim | None:
    """One transaction for the end of this batch and the beginning of the next.

    An answer that is known must not be lost to a database that is locked or away for a moment: it is tried again, and
    then alone.
    """
    end = time.monotonic() + WRITE_WITHIN
    while True:
        try:
            with runtime.db.transaction() as session:
                if run is not None:
                    sending.write_down(session, run)
                claim = ledger.claim(session) if more else None
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
            ledger.give_back(session, claim)
            return True
        sweeping.close_finished(session)
        return False
