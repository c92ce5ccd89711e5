"""A run over a prepared batch: the transport gets slice after slice, and its answers become outcomes."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import timedelta

from newsletter.core import shutdown
from newsletter.core.actors import WORKER
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending import failures
from newsletter.delivery.sending.context import SendingContext
from newsletter.delivery.sending.lease import BatchLease
from newsletter.delivery.sending.preparing import LONGEST_SLEEP, PreparedBatch
from newsletter.delivery.sending.progress_files import ProgressFile, batch_name
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, WAITING, SendResult
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError

log = logging.getLogger(__name__)


class BatchRun:
    """Sends to the recipients of a prepared batch, as fast as the rate limits allow.

    `began` is the monotonic time before the batch was prepared: the lease counts from there.
    """

    def __init__(self, context: SendingContext, batch: PreparedBatch, began: float) -> None:
        self.claim = batch.claim
        self.outcomes = batch.outcomes
        self.reasons: dict[int, str] = {}
        """Why a recipient was refused or deferred, by position."""
        self.provider_ref: str | None = None
        self.pause = timedelta(0)
        """The wait before the rest is sent."""
        self.note: str | None = None
        """The error that ended the run, in words."""
        self.failed = False
        """Whether the provider took nothing because something is wrong (not because of limits)."""
        self._context = context
        self._transport = context.transport
        self._message = batch.message
        self._recipients = batch.recipients
        self._in_request = [each.position for each in batch.recipients] if context.transport.all_or_nothing else []
        """Positions whose answer is one for all."""
        self._lease = BatchLease(context, batch.claim, self._outcomes_without_answer, began)
        self._name = batch_name(batch.claim.batch_id, batch.message.id_salt)
        self._progress: ProgressFile | None = None

    def mark_sending(self) -> bool:
        """Commit to the network call. False, with the batch released, when the digest is not being sent any more."""
        seconds = claims.lease_seconds(self._transport)
        name = self._message.provider_batch_id or None
        with self._context.db.transaction() as session:
            if claims.mark_sending(
                session, self.claim, self._outcomes_without_answer(), seconds, provider_batch_id=name
            ):
                return True
            claims.release_batch(session, self.claim)
        return False

    def send(self) -> None:
        """Send until everyone has an answer, or something says stop; the rest keeps waiting."""
        self._open_progress()
        try:
            if self._transport.all_or_nothing:
                self._send_at_once()
            else:
                self._send_in_slices()
        finally:
            if self._progress:
                self._progress.close()

    def delete_progress(self) -> None:
        """Delete the batch's progress files. Call it once the ledger has committed the outcomes."""
        if self._progress:
            self._context.progress.delete(self._name)

    def _send_at_once(self) -> None:
        if self._recipients and self._lease.may_continue():
            self._send_slice(self._recipients)

    def _send_in_slices(self) -> None:
        rest = self._recipients
        while rest and self._lease.may_continue():
            allowed, wait = self._context.reserve(len(rest))
            if allowed and not self._send_slice(rest[:allowed]):
                return
            rest = rest[allowed:]
            if self._context.should_yield():  # not before a slice was tried: each job gets on a little
                return
            if not allowed and not self._sleep(wait):
                return

    def _send_slice(self, recipients: Sequence[Recipient]) -> bool:
        """Whether everyone got an answer, so that the next slice may follow."""
        positions = [recipient.position for recipient in recipients]

        def answered(index: int) -> None:
            self._keep_answer(positions[index], result.outcomes[index])

        result = SendResult(len(recipients), self._lease.may_continue, answered)
        error = self._call_transport(recipients, result)
        # Known answers are kept whatever went wrong.
        self.outcomes.record_all(positions, result.outcomes)
        self.reasons.update({positions[index]: reason for index, reason in result.reasons.items()})
        self.provider_ref = result.provider_ref or self.provider_ref
        if error is not None:
            self._handle_error(error)
        return error is None and WAITING not in result.outcomes

    def _call_transport(self, recipients: Sequence[Recipient], result: SendResult) -> Exception | None:
        try:
            self._transport.send(self._message, recipients, result)
        except Exception as error:  # noqa: BLE001 - _handle_error tells them apart, after the answers are kept
            return error
        return None

    def _handle_error(self, error: Exception) -> None:
        if isinstance(error, NotAcceptedError):
            self._context.back_off(error.retry_after)
            self._postpone(str(error), error.retry_after)
        elif isinstance(error, RefusedForGoodError):
            self.note = str(error)
            failures.pause_for_error(self._context.db, self.claim.digest_id, self.note, by=WORKER)
        elif isinstance(error, InDoubtError):
            if self._transport.all_or_nothing:
                self.note = str(error)
                self._doubt_request()
            else:
                # The one message in flight: sent again with the same Message-ID, so that nobody is lost.
                self._postpone(str(error), None)
        else:
            log.error("batch %d of digest %d", self.claim.batch_id, self.claim.digest_id, exc_info=error)
            self.note = failures.pause_for_unforeseen(self._context.db, self.claim.digest_id, error, by=WORKER)
            self._doubt_request()

    def _doubt_request(self) -> None:
        """Put everyone in doubt who was in a request whose answer is one for all."""
        self.outcomes = self._outcomes_without_answer()

    def _postpone(self, note: str, retry_after: float | None) -> None:
        self.note, self.failed = note, True
        seconds = min(2.0 * 2 ** min(self.claim.failures, 10), 900.0) * random.uniform(0.8, 1.2)  # noqa: S311
        self.pause = timedelta(seconds=max(seconds, retry_after or 0.0))

    def _sleep(self, seconds: float) -> bool:
        """Wait for the rate limit and keep the batch; False when it is better released."""
        if seconds > LONGEST_SLEEP:
            self.pause = timedelta(seconds=seconds)
            return False
        return not shutdown.wait(max(seconds, 0.01))

    def _outcomes_without_answer(self) -> Outcomes:
        """The outcomes as the ledger shall read them if this worker ends now."""
        return self.outcomes.assume_in_doubt(self._in_request)

    def _keep_answer(self, position: int, code: int) -> None:
        self.outcomes.record(position, code)
        if code == ACCEPTED and self._progress and not self._lease.renew_always:
            try:
                self._progress.record_accepted(position)
            except OSError as error:
                self._do_without_progress(error)

    def _open_progress(self) -> None:
        """No progress is kept where a repeat does no harm, or where one answer speaks for all."""
        if self._transport.all_or_nothing or self._transport.idempotent:
            return
        try:
            self._progress = self._context.progress.open(self._name, self.claim.attempt)
        except OSError as error:
            self._do_without_progress(error)

    def _do_without_progress(self, error: OSError) -> None:
        self._lease.renew_always = True
        log.warning("batch %d is sent slowly: no progress can be kept (%s)", self.claim.batch_id, error.strerror)
