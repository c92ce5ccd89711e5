"""A run over one batch: keeps the lease while the transport answers, and turns its answers into outcomes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from newsletter.core import stopping
from newsletter.delivery import control, ledger, marks
from newsletter.delivery.kit import Kit
from newsletter.delivery.ledger import Claim
from newsletter.delivery.positions import Position
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, Record
from newsletter.mail.transports.errors import InDoubtError, NotTakenError, RefusedForGoodError

RENEW_EVERY = 1.0
"""Seconds between two renewals of the lease, each of which also keeps the answers so far."""
LONGEST_SLEEP = 2.0
"""Seconds that a worker sleeps with a batch in hand; for longer waits it gives the batch back."""


class Run:
    """Sends to the recipients of a claim that is marked as sending, as fast as the rates grant."""

    def __init__(self, kit: Kit, claim: Claim, outcomes: bytearray, began: float) -> None:
        self.kit = kit
        self.claim = claim
        self.outcomes = outcomes
        self.reasons: dict[int, str] = {}
        """By place; why someone was refused or deferred."""
        self.provider_ref: str | None = None
        self.pause = timedelta(0)
        """How long to wait before the rest is tried."""
        self.note: str | None = None
        self.failed = False
        """Whether the provider took nothing because something is wrong (not because of limits)."""
        self._renewed = began
        self._lost = False
        self._position: Position | None = None
        self._slice: Sequence[Recipient] = ()
        self._record = Record(0)

    def send(self, message: Message, todo: Sequence[Recipient]) -> None:
        """Send to `todo`; whom it leaves out is waiting. A transport that takes batches whole gets all at once, and
        they were granted before they were marked; otherwise slice after slice is sent, as it is granted.
        """
        if self.kit.transport.whole:
            self._slice = todo
            if todo and self.may_go_on():
                self._send_slice(message)
            return
        with self._keep_position() as self._position:
            while todo and self.may_go_on():
                granted, wait = self.kit.grant(len(todo))
                if granted:
                    self._slice, todo = todo[:granted], todo[granted:]
                    if not self._send_slice(message):
                        return
                elif not self._sleep(wait):
                    return

    def may_go_on(self) -> bool:
        """Asked before each request or message. Nobody else can hold the batch while this lease lasts."""
        if self._lost or stopping.asked():
            return False
        if time.monotonic() - self._renewed > RENEW_EVERY:
            return self._renew()
        return True

    def tidy(self) -> None:
        """Once the outcomes are committed, the ledger knows all that the position files knew."""
        if self._position:
            self.kit.positions.forget(self.claim.batch_id)

    def refusals(self) -> list[tuple[int, str]]:
        """Place and reason of everyone refused in this run."""
        return [(place, reason) for place, reason in self.reasons.items() if self.outcomes[place] == REFUSED]

    def _send_slice(self, message: Message) -> bool:
        """Whether to go on with the next one."""
        record = self._record = Record(len(self._slice), self.may_go_on, self._answered)
        try:
            self.kit.transport.send(message, self._slice, record)
        except NotTakenError as error:
            self.kit.hold(error.retry_after)
            self._put_off(str(error), error.retry_after)
        except RefusedForGoodError as error:
            self.note = str(error)
            with self.kit.db.transaction() as session:
                control.pause_for_error(session, self.claim.digest_id, self.note)
        except InDoubtError as error:
            if self.kit.transport.whole:
                record.outcomes = bytearray(marks.in_doubt(bytes(record.outcomes)))
                self.note = str(error)
            else:
                # The one message in flight: sent again with the same Message-ID, so that nobody is lost.
                self._put_off(str(error), None)
        self._take_over(record)
        return self.note is None and WAITING not in record.outcomes

    def _put_off(self, note: str, retry_after: float | None) -> None:
        self.note, self.failed = note, True
        seconds = min(2.0 * 2 ** min(self.claim.failures, 10), 900.0) * random.uniform(0.8, 1.2)  # noqa: S311
        self.pause = timedelta(seconds=max(seconds, retry_after or 0.0))

    def _take_over(self, record: Record) -> None:
        for index, recipient in enumerate(self._slice):
            self.outcomes[recipient.place] = record.outcomes[index]
        self.reasons.update({self._slice[index].place: reason for index, reason in record.reasons.items()})
        self.provider_ref = record.provider_ref or self.provider_ref

    def _answered(self, index: int) -> None:
        place, outcome = self._slice[index].place, self._record.outcomes[index]
        self.outcomes[place] = outcome
        if self._position and outcome == ACCEPTED:
            self._position.accepted(place)

    def _sleep(self, seconds: float) -> bool:
        """Wait for the next grant with the batch in hand; False when it is better given back."""
        if seconds > LONGEST_SLEEP:
            self.pause = timedelta(seconds=seconds)
            return False
        return not stopping.wait(max(seconds, 0.01))

    def _renew(self) -> bool:
        asked = time.monotonic()
        with self.kit.db.transaction() as session:
            kept = ledger.renew(session, self.claim, self._snapshot(), ledger.lease(self.kit.transport))
            kept = kept and control.may_send(session, self.claim.digest_id)
        self._renewed = asked
        self._lost = not kept
        return kept and time.monotonic() - asked < ledger.LEASE

    def _snapshot(self) -> bytes:
        """The outcomes as they are to be read if this worker ends now."""
        if self.kit.transport.whole:
            return marks.marked_ahead(self.outcomes, [recipient.place for recipient in self._slice])
        return bytes(self.outcomes)

    def _keep_position(self) -> AbstractContextManager[Position | None]:
        """Where a repeat does no harm, or one answer speaks for all, no position is kept."""
        if self.kit.transport.whole or self.kit.transport.repeatable:
            return nullcontext()
        return self.kit.positions.open(self.claim.batch_id, self.claim.attempt)
