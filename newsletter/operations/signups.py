"""Deciding on sign-ups: many in one transaction, and each alone when one of them cannot be decided on."""

from __future__ import annotations

import logging
from itertools import takewhile

from sqlalchemy.exc import DBAPIError

from newsletter.core.runtime import Runtime
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

TOGETHER = 100
"""Addresses that are decided on in one transaction."""


def decide_some(runtime: Runtime) -> int:
    """Decide on the sign-ups of some addresses, and add their mails; returns how many addresses."""
    with runtime.db.reading() as session:
        if not process_signups.signups_wait(session):
            return 0
    pauses = MailboxPauses.present(runtime)
    try:
        return _decide(runtime, pauses, TOGETHER)
    except DBAPIError:
        raise  # trouble of the database, not of a sign-up: the clock queues a job again
    except Exception as error:  # noqa: BLE001 - the one that fails is logged
        log.warning("some sign-ups cannot be processed together: %s", type(error).__name__)
    return sum(takewhile(bool, (_decide_one(runtime, pauses) for _ in range(TOGETHER))))


def _decide_one(runtime: Runtime, pauses: MailboxPauses) -> bool:
    """Decide on the sign-ups of the next address; False when there are none, or when they cannot be processed.

    Then they wait behind all others, and the clock has them tried again.
    """
    try:
        return _decide(runtime, pauses, 1) > 0
    except DBAPIError:
        raise
    except Exception:
        log.exception("a sign-up cannot be processed, and is tried again after all others")
        with runtime.db.transaction() as session:
            process_signups.postpone_next(session)
        return False


def _decide(runtime: Runtime, pauses: MailboxPauses, limit: int) -> int:
    with pauses.counting(), runtime.db.transaction() as session:
        return process_signups.process_addresses(session, runtime.settings.suppression_key, pauses, limit)
