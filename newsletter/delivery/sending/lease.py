"""Holding a batch while it is sent: the lease is renewed, and the answers so far are kept, here and in the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from newsletter.core import shutdown
from newsletter.delivery.ledger import control, outcome_bytes, transitions
from newsletter.delivery.ledger.transitions import Claim
from newsletter.delivery.sending.context import SendingContext
from newsletter.delivery.sending.progress_files import ProgressFile, batch_name

log = logging.getLogger(__name__)

RENEW_EVERY = 1.0
"""Seconds between two renewals of the lease, each of which also keeps the answers so far."""


class BatchLease:
    """A context in which one worker holds one batch, and `outcomes` are what is known of it."""

    def __init__(self, kit: SendingContext, claim: Claim, id_salt: bytes, outcomes: bytearray, began: float) -> None:
        self.outcomes = outcomes
        self.in_request: Sequence[int] = ()
        """The places that one request carries, whose answer is one for all."""
        self._kit = kit
        self._claim = claim
        self._name = batch_name(claim.batch_id, id_salt)
        self._renewed = began
        self._lost = False
        self._position: ProgressFile | None = None
        self._blind = False
        """Without a position file each answer goes to the ledger before the next message does."""

    def __enter__(self) -> BatchLease:
        # Where a repeat does no harm, or one answer speaks for all, no position is kept.
        if not self._kit.transport.all_or_nothing and not self._kit.transport.idempotent:
            try:
                self._position = self._kit.positions.open(self._name, self._claim.attempt)
            except OSError as error:
                self._go_blind(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._position:
            self._position.close()

    def may_continue(self) -> bool:
        """Asked before each request or message. Nobody else can hold the batch while this lease lasts."""
        if self._lost or shutdown.requested():
            return False
        if self._blind or time.monotonic() - self._renewed > RENEW_EVERY:
            return self._renew()
        return True

    def accepted(self, place: int) -> None:
        """Keep, beyond the life of this process, that the recipient at `place` was accepted."""
        if self._position and not self._blind:
            try:
                self._position.accepted(place)
            except OSError as error:
                self._go_blind(error)

    def tidy(self) -> None:
        """Once the outcomes are committed, the ledger knows all that the position files knew."""
        if self._position:
            self._kit.positions.forget(self._name)

    def _renew(self) -> bool:
        asked = time.monotonic()
        with self._kit.db.transaction() as session:
            kept = transitions.renew_lease(
                session, self._claim, self._snapshot(), transitions.lease_seconds(self._kit.transport)
            )
            kept = kept and control.is_sending(session, self._claim.digest_id)
        self._renewed = asked
        self._lost = not kept
        return kept and time.monotonic() - asked < transitions.LEASE

    def _snapshot(self) -> bytes:
        """The outcomes as they are to be read if this worker ends now."""
        return outcome_bytes.assume_in_doubt(self.outcomes, self.in_request)

    def _go_blind(self, error: OSError) -> None:
        self._blind = True
        log.warning("batch %d goes slower: no position can be kept (%s)", self._claim.batch_id, error.strerror)
