"""A run over a prepared batch: the transport gets slice after slice, and its answers become outcomes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from newsletter.core import shutdown
from newsletter.core.ids import SubscriberId
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending.lease_renewal import BatchLease
from newsletter.delivery.sending.preparing import LONGEST_SLEEP, PreparedBatch
from newsletter.delivery.sending.progress_files import ProgressFile, batch_name
from newsletter.delivery.sending.refusal_streak import Refused
from newsletter.delivery.sending.run_errors import RunErrors
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, SendResult
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.errors import NotAcceptedError, RefusedForGoodError

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
        self.about: dict[int, FailureKind] = {}
        """The subject of each refusal, by position."""
        self.provider_ref: str | None = None
        self.provider_batch_id = batch.message.provider_batch_id or None
        """The name of the request in the provider's schedule."""
        self.errors = RunErrors(context, batch.claim)
        """The errors so far, and the wait before the rest is sent."""
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
        with self._context.db.transaction() as session:
            marked = claims.mark_sending(
                session, self.claim, self._outcomes_without_answer(), seconds, provider_batch_id=self.provider_batch_id
            )
            if not marked:
                claims.release_batch(session, self.claim)
        if marked and self._context.witness:  # before the first message: a restored backup must not send it again
            self._context.witness.tell_batch(self.claim.batch_id, self.claim.attempt)
        return marked

    def send(self) -> None:
        """Send until everyone has an answer, or something says stop; the rest keeps waiting."""
        self._open_progress()
        try:
            if self._transport.all_or_nothing:
                self._send_at_once()
            else:
                self._send_in_slices()
        except BaseException:
            self.close_progress()
            raise

    def delete_progress(self) -> None:
        """Delete the progress files of this attempt and earlier ones. Call it once the ledger has committed the
        outcomes: a worker that lost the batch and could write nothing down leaves all files alone."""
        if self._progress:
            self._context.progress.delete(self._name, self.claim.attempt)

    def close_progress(self) -> None:
        """Close the progress file: from now on others may report what is in it."""
        if self._progress:
            self._progress.close()
            self._progress = None

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
        """Whether nobody of them waits any more, so that the next slice may follow.

        After an error that concerns one recipient, or a connection that has served its time, the others go on at once.
        """
        rest: Sequence[Recipient] | None = recipients
        while rest:
            result, error = self._call_transport(rest)
            if self._context.streak.is_full:
                self._take_back_streak()
                return False
            if error is None:
                return WAITING not in result.outcomes
            if self._transport.all_or_nothing:
                if self.errors.ends_request(error):
                    self.outcomes = self._outcomes_without_answer()
                return False
            rest = self.errors.next_recipients(error, self.outcomes, [rest[index] for index in result.waiting()])
        return rest is not None

    def _call_transport(self, recipients: Sequence[Recipient]) -> tuple[SendResult, Exception | None]:
        """Call the transport once, and keep the answers that are known, whatever went wrong."""
        positions = [recipient.position for recipient in recipients]

        def answered(index: int) -> None:
            self._keep_answer(recipients[index], result, index)

        result = SendResult(len(recipients), self._may_continue, answered, self._lease.keep)
        error: Exception | None = None
        try:
            self._transport.send(self._message, recipients, result)
        except Exception as caught:  # noqa: BLE001 - RunErrors tells them apart, after the answers are kept
            error = caught
        if self._transport.all_or_nothing:
            self._keep_request(positions, result, error)
        self.outcomes.record_all(positions, result.outcomes)
        self.reasons.update({positions[index]: reason for index, reason in result.reasons.items()})
        self.about.update({positions[index]: about for index, about in result.about.items()})
        self.provider_ref = result.provider_ref or self.provider_ref
        return result, error

    def _may_continue(self) -> bool:
        return not self._context.streak.is_full and self._lease.may_continue()

    def _take_back_streak(self) -> None:
        """Have those wait again who were refused in the same words, and pause their digest."""
        streak = self._context.streak
        here = {self.claim.ids[position]: position for position in self.about}
        reason = ""
        for refused in streak.recipients:
            position = here.get(refused.subscriber_id) if refused.digest_id == self.claim.digest_id else None
            if position is not None:
                self.outcomes.record(position, WAITING)
                reason = self.reasons.pop(position)
        self.errors.pause_for_streak(reason, streak.recipients)
        streak.end()

    def _sleep(self, seconds: float) -> bool:
        """Wait for the rate limit and keep the batch; False when it is better released."""
        if seconds > LONGEST_SLEEP:
            self.errors.pause = timedelta(seconds=seconds)
            return False
        return not shutdown.wait(max(seconds, 0.01))

    def _outcomes_without_answer(self) -> Outcomes:
        """The outcomes as the ledger shall read them if this worker ends now."""
        return self.outcomes.assume_in_doubt(self._in_request)

    def _keep_answer(self, recipient: Recipient, result: SendResult, index: int) -> None:
        code, position = result.outcomes[index], recipient.position
        self.outcomes.record(position, code)
        self.errors.answered()
        if code != REFUSED:
            self._context.streak.end()
        elif result.reasons[index] != NOT_AN_ADDRESS and not self._transport.all_or_nothing:
            refused = Refused(self.claim.digest_id, SubscriberId(recipient.id))
            self._context.streak.add(refused, result.reasons[index], result.about[index])
        if code == ACCEPTED and self._progress and not self._transport.all_or_nothing and not self._lease.renew_always:
            try:
                self._progress.record_accepted(position)
            except OSError as error:
                self._do_without_progress(error)

    def _keep_request(self, positions: Sequence[int], result: SendResult, error: Exception | None) -> None:
        """Keep the answer to a request outside the database, which may be silent.

        A refused recipient counts as waiting there: the reason would be lost, and the provider gives it again.
        """
        if self._progress is None:
            return
        is_known = error is None or isinstance(error, NotAcceptedError | RefusedForGoodError)
        answers = {
            position: ACCEPTED if code == ACCEPTED else WAITING
            for position, code in zip(positions, result.outcomes, strict=True)
            if is_known or code != WAITING
        }
        try:
            self._progress.record_all(answers)
        except OSError as found:
            self._do_without_progress(found)

    def _open_progress(self) -> None:
        """No progress is kept where a repeat does no harm, and none of mail that the provider keeps until its time:
        without an answer that is withdrawn, and then nobody has it."""
        if self._transport.idempotent or self.provider_batch_id:
            return
        try:
            self._progress = self._context.progress.open(self._name, self.claim.attempt)
        except OSError as error:
            self._do_without_progress(error)

    def _do_without_progress(self, error: OSError) -> None:
        if self._transport.all_or_nothing:
            log.warning("the answer about batch %d cannot be kept here: %s", self.claim.batch_id, error.strerror)
        else:
            self._lease.renew_always = True
            log.warning("batch %d is sent slowly: no progress can be kept (%s)", self.claim.batch_id, error.strerror)
