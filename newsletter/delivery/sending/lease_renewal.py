"""The lease on a batch that is being sent: renewed about once a second, each time with the answers so far."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.digests import lifecycle

log = logging.getLogger(__name__)

RENEW_EVERY = 1.0
"""Seconds between two renewals."""


class BatchLease:
    """One worker's lease. No other worker can have the batch while it lasts.

    `outcomes` gives the outcomes so far, which count if this worker dies; `renewed` is the monotonic time at which the
    lease began.
    """

    def __init__(self, context: SendingContext, claim: Claim, outcomes: Callable[[], Outcomes], renewed: float) -> None:
        self.renew_always = False
        """Whether each answer goes to the ledger before the next message is sent."""
        self._context = context
        self._claim = claim
        self._outcomes = outcomes
        self._renewed = renewed
        self._lost = False

    def may_continue(self) -> bool:
        """Whether the next request or message may begin; asked before each one."""
        if self._lost or shutdown.requested():
            return False
        if self.renew_always or time.monotonic() - self._renewed > RENEW_EVERY:
            return self._renew_or_end()
        return True

    def keep(self) -> None:
        """Renew the lease while an answer is awaited. A lost one is noticed before the next message."""
        if self._lost or time.monotonic() - self._renewed <= RENEW_EVERY:
            return
        try:
            self._renew()
        except DBAPIError as error:
            self._warn(error)

    def _renew_or_end(self) -> bool:
        """Renew. If the database fails, the run ends and nothing else: the answers so far are recorded later."""
        try:
            return self._renew()
        except DBAPIError as error:
            self._warn(error)
            self._lost = True
            return False

    def _warn(self, error: DBAPIError) -> None:
        log.warning("the lease on batch %d cannot be renewed: %s", self._claim.batch_id, type(error.orig).__name__)

    def _renew(self) -> bool:
        began = time.monotonic()
        seconds = claims.lease_seconds(self._context.transport)
        with self._context.db.transaction() as session:
            kept = claims.renew_lease(session, self._claim, self._outcomes(), seconds)
            kept = kept and lifecycle.is_sending(session, self._claim.digest_id)
        self._renewed = began
        self._lost = not kept
        return kept and time.monotonic() - began < claims.LEASE
