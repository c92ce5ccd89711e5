"""A run over one batch: slice after slice is handed to the transport, and its answers become outcomes."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import timedelta

from newsletter.core import shutdown
from newsletter.delivery.ledger import control, outcome_bytes
from newsletter.delivery.ledger.transitions import Claim
from newsletter.delivery.sending.context import SendingContext
from newsletter.delivery.sending.lease import BatchLease
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, REFUSED, WAITING, SendResult
from newsletter.mail.transports.errors import InDoubtError, NotTakenError, RefusedForGoodError

log = logging.getLogger(__name__)

LONGEST_SLEEP = 2.0
"""Seconds that a worker sleeps with a batch in hand; for longer waits it gives the batch back."""
UNFORESEEN = "Something unforeseen went wrong ({name}); the worker's log says more. Resume it to try again."


class BatchRun:
    """Sends to the recipients of a claim that is marked as sending, as fast as the rates grant."""

    def __init__(self, kit: SendingContext, claim: Claim, message: Message, outcomes: bytearray, began: float) -> None:
        self.claim = claim
        self.outcomes = outcomes
        self.reasons: dict[int, str] = {}
        """By place; why someone was refused or deferred."""
        self.given_up: set[int] = set()
        """Places that were deferred for too long and count as refused, for a time: `digests retry` finds them."""
        self.provider_ref: str | None = None
        self.pause = timedelta(0)
        """How long to wait before the rest is tried."""
        self.note: str | None = None
        self.failed = False
        """Whether the provider took nothing because something is wrong (not because of limits)."""
        self._kit = kit
        self._message = message
        self._holding = BatchLease(kit, claim, message.id_salt, outcomes, began)
        self._slice: Sequence[Recipient] = ()
        self._record = SendResult(0)

    def send(self, todo: Sequence[Recipient]) -> None:
        """Send to `todo`; whom it leaves out is waiting. A transport that takes batches whole gets all at once, and
        they were granted before they were marked; otherwise slice after slice is sent, as it is granted.
        """
        with self._holding as holding:
            if self._kit.transport.all_or_nothing:
                holding.in_request = [recipient.place for recipient in todo]
                if todo and holding.may_continue():
                    self._send_slice(todo)
                return
            while todo and holding.may_continue():
                granted, wait = self._kit.grant(len(todo))
                if granted and not self._send_slice(todo[:granted]):
                    return
                todo = todo[granted:]
                if self._kit.gives_way():  # not before a slice was tried: each job gets on a little
                    return
                if not granted and not self._sleep(wait):
                    return

    def tidy(self) -> None:
        """Call it once the outcomes are committed."""
        self._holding.tidy()

    def give_up_deferred(self) -> None:
        """Who is deferred is refused from now on."""
        for place, outcome in enumerate(self.outcomes):
            if outcome == DEFERRED:
                self.outcomes[place] = REFUSED
                self.reasons.setdefault(place, "Deferred for too long.")
                self.given_up.add(place)

    def refusals(self) -> list[tuple[int, str]]:
        """Place and reason of everyone refused in this run."""
        return [(place, reason) for place, reason in self.reasons.items() if self.outcomes[place] == REFUSED]

    def _send_slice(self, recipients: Sequence[Recipient]) -> bool:
        """Whether to go on with the next one."""
        self._slice = recipients
        record = self._record = SendResult(len(recipients), self._holding.may_continue, self._answered)
        try:
            self._kit.transport.send(self._message, recipients, record)
        except NotTakenError as error:
            self._kit.hold(error.retry_after)
            self._put_off(str(error), error.retry_after)
        except RefusedForGoodError as error:
            self._pause_digest(str(error))
        except InDoubtError as error:
            self._doubt(str(error))
        except Exception as error:
            # What is known must still be written down, and the same error must not come back for ever.
            log.exception("batch %d of digest %d", self.claim.batch_id, self.claim.digest_id)
            self._pause_digest(UNFORESEEN.format(name=type(error).__name__))
            if self._kit.transport.all_or_nothing:
                self._doubt(self.note or "")
        self._take_over()
        return self.note is None and WAITING not in record.outcomes

    def _doubt(self, note: str) -> None:
        if self._kit.transport.all_or_nothing:
            self._record.outcomes = bytearray(outcome_bytes.all_in_doubt(bytes(self._record.outcomes)))
            self.note = note
        else:
            # The one message in flight: sent again with the same Message-ID, so that nobody is lost.
            self._put_off(note, None)

    def _pause_digest(self, note: str) -> None:
        self.note = note
        with self._kit.db.transaction() as session:
            control.pause_for_error(session, self.claim.digest_id, note)

    def _put_off(self, note: str, retry_after: float | None) -> None:
        self.note, self.failed = note, True
        seconds = min(2.0 * 2 ** min(self.claim.failures, 10), 900.0) * random.uniform(0.8, 1.2)  # noqa: S311
        self.pause = timedelta(seconds=max(seconds, retry_after or 0.0))

    def _take_over(self) -> None:
        record = self._record
        for index, recipient in enumerate(self._slice):
            answer, place = record.outcomes[index], recipient.place
            # Who was deferred and has no new answer stays deferred: the time since then counts.
            self.outcomes[place] = DEFERRED if answer == WAITING and self.outcomes[place] == DEFERRED else answer
        self.reasons.update({self._slice[index].place: reason for index, reason in record.reasons.items()})
        self.provider_ref = record.provider_ref or self.provider_ref

    def _answered(self, index: int) -> None:
        place, outcome = self._slice[index].place, self._record.outcomes[index]
        self.outcomes[place] = outcome
        if outcome == ACCEPTED:
            self._holding.accepted(place)

    def _sleep(self, seconds: float) -> bool:
        """Wait for the next grant with the batch in hand; False when it is better given back."""
        if seconds > LONGEST_SLEEP:
            self.pause = timedelta(seconds=seconds)
            return False
        return not shutdown.wait(max(seconds, 0.01))
