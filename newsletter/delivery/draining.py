"""Draining: one job claims batch after batch, since a forked RQ job costs 16 ms of CPU (measured)."""

from __future__ import annotations

import time

from newsletter.core import stopping
from newsletter.core.runtime import Runtime
from newsletter.delivery import ledger, restored, sending, sweeping
from newsletter.delivery.kit import Kit

DRAIN_FOR = 30.0
"""Seconds after which a draining job makes room for its successor."""

EVENTS_AFTER = 2.0
"""Seconds after which it makes room for events: they can wait so long, and a job for each batch would cost too much."""


def drain(runtime: Runtime) -> bool:
    """Send ready batches for up to DRAIN_FOR seconds; True when there may be more to do.

    Gives way earlier when a single mail waits (a reader who signs up does not wait for a digest), and, after
    EVENTS_AFTER seconds, when providers' events do.
    """
    began = time.monotonic()
    kit = Kit.open(runtime)
    try:
        with runtime.db.reading() as session:
            if restored.is_set_back(session, restored.Witness(runtime.settings.data_dir, runtime.queues.redis)):
                return False  # the clock pauses what is open at its next turn
        with runtime.db.transaction() as session:
            claim = ledger.claim(session)
        while claim is not None and not stopping.asked():
            run = sending.send(kit, claim)
            more = not stopping.asked() and not _gives_way(runtime, time.monotonic() - began)
            # One transaction for the end of this batch and the beginning of the next.
            with runtime.db.transaction() as session:
                if run is not None:
                    sending.write_down(session, run)
                claim = ledger.claim(session) if more else None
            if run is not None:
                run.tidy()
            if not more:
                return True
        return _stop(runtime, claim)
    finally:
        kit.close()


def _gives_way(runtime: Runtime, seconds: float) -> bool:
    queues = runtime.queues
    return seconds > DRAIN_FOR or queues.mail_waits() or (seconds > EVENTS_AFTER and queues.events_wait())


def _stop(runtime: Runtime, claim: ledger.Claim | None) -> bool:
    with runtime.db.transaction() as session:
        if claim is not None:  # asked to stop before it was sent
            ledger.give_back(session, claim)
            return True
        sweeping.close_finished(session)
        return False
