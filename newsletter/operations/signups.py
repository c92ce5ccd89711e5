"""The loop over sign-ups: many are decided on in one transaction, and their mails are sent at once."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.mail.transports import open_transport
from newsletter.operations.transactional_sending import RUN_FOR, send_some
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

TOGETHER = 50
"""Addresses that are decided on in one transaction."""


def process_waiting_signups(runtime: Runtime) -> bool:
    """Process sign-ups and send their mails for up to RUN_FOR seconds; True when there may be more."""
    end = time.monotonic() + RUN_FOR
    transport = open_transport(runtime.settings)
    try:
        while time.monotonic() < end and not shutdown.requested():
            decided = _process_some(runtime)
            sent = send_some(runtime, transport)
            if not decided and not sent:
                return False
        return True
    finally:
        transport.close()


def _process_some(runtime: Runtime) -> bool:
    """Process sign-ups of some addresses; False when there are none.

    If one of them cannot be processed, each gets a transaction of its own.
    """
    key = runtime.settings.suppression_key
    try:
        with runtime.db.transaction() as session:
            return process_signups.process_addresses(session, key, TOGETHER) > 0
    except DBAPIError:
        raise  # trouble of the database, not of a sign-up: the clock queues a job again
    except Exception as error:  # noqa: BLE001 - the one that fails is logged
        log.warning("some sign-ups cannot be processed together: %s", type(error).__name__)
    return all(_process_one(runtime) for _ in range(TOGETHER))


def _process_one(runtime: Runtime) -> bool:
    """Process the sign-ups of the next address; False when there are none, or when they cannot be processed.

    Then they wait behind all others, and the clock has them tried again.
    """
    try:
        with runtime.db.transaction() as session:
            return process_signups.process_addresses(session, runtime.settings.suppression_key, 1) > 0
    except DBAPIError:
        raise
    except Exception:
        log.exception("a sign-up cannot be processed, and is tried again after all others")
        with runtime.db.transaction() as session:
            process_signups.postpone_next(session)
        return False
