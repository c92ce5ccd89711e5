"""A run over a prepared batch: the transport gets slice after slice, and its answers become outcomes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.ids import SubscriberId
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending.lease_renewal import BatchLease
from newsletter.delivery.sending.pausing_answers import PausingAnswers
from newsletter.delivery.sending.preparing import LONGEST_SLEEP, PreparedBatch
from newsletter.delivery.sending.refusal_streak import Refused
from newsletter.delivery.sending.run_errors import NO_MAILBOXES, SAME_WORDS, RunErrors
from newsletter.delivery.sending.run_progress import RunProgress
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, SendResult
from newsletter.mail.tracking import Tracking, worse
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
        self.tracking: Tracking | None = None
        """The provider's tracking in the requests of this run."""
        self.provider_batch_id = batch.message.provider_batch_id or None
        """The name of the request in the provider's schedule."""
        self.pausing_answers = PausingAnswers(batch.claim.pausing_answers)
        self.errors = RunErrors(context, batch.claim)
        """The errors so far, and the wait before the rest is sent."""
        self._context = context
        self._transport = context.transport
        self._message = batch.message
        self._recipients = batch.recipients
        self._in_request = [each.position for each in batch.recipients] if context.transport.all_or_nothing else []
        """Positions whose answer is one for all."""
        self._lease = BatchLease(context, batch.claim, self._outcomes_if_killed, began)
        self.progress = RunProgress(context, batch)

    def mark_sending(self) -> bool:
        """Commit to the network call. False, with the batch released, when the digest is not being sent any more."""
        try:
            marked = self._mark_sending()
        except DBAPIError:  # the commit may have come through, and the recipients count as in doubt
            self.progress.record_unsent(self._in_request)
            raise
        if marked and self._context.witness:  # before the first message: a restored backup must not send it again
            self._context.witness.tell_batch(self.claim.batch_id, self.claim.attempt)
        return marked

    def _mark_sending(self) -> bool:
        with self._context.db.transaction() as session:
            marked = claims.mark_sending(
                session,
                self.claim,
                self._outcomes_if_killed(),
                claims.lease_seconds(self._transport),
                provider_batch_id=self.provider_batch_id,
                unrecorded_tracking=self._transport.unrecorded_tracking if self._recipients else None,
            )
            if not marked:
                claims.release_batch(session, self.claim)
        return marked

    def send(self) -> None:
        """Send until everyone has an answer, or something says stop; the rest keeps waiting."""
        self.progress.open()
        try:
            if self._transport.all_or_nothing:
                self._send_at_once()
            else:
                self._send_in_slices()
        except BaseException:
            self.progress.close()
            raise

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
            waiting = [rest[index] for index in result.waiting()]
            if isinstance(error, RefusedForGoodError) and error.at_recipient:
                rest = self._after_answer_about_us(error, waiting)
            else:
                rest = self.errors.next_recipients(error, self.outcomes, waiting)
            if rest and self._context.should_yield():  # each error may have taken as long as a call may take
                return False
        return rest is not None

    def _after_answer_about_us(
        self, error: RefusedForGoodError, waiting: Sequence[Recipient]
    ) -> Sequence[Recipient] | None:
        """Those to whom the run goes on: the others, when an editor has seen this recipient's answer before; else
        nobody, since the digest is paused."""
        recipient, answer = waiting[0], error.at_recipient
        if not self._count_refusal(recipient, answer, FailureKind.US):
            self.pausing_answers.add(SubscriberId(recipient.id), answer, FailureKind.US)
            self._take_back_streak(str(error))
            return None
        self.outcomes.record(recipient.position, REFUSED)
        self.reasons[recipient.position] = answer
        self.about[recipient.position] = FailureKind.US
        self.errors.answered()
        if self._context.streak.is_full:
            self._take_back_streak()
            return None
        return waiting[1:]

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
        self._keep_request(positions, result, error)
        self.outcomes.record_all(positions, result.outcomes)
        self.reasons.update({positions[index]: reason for index, reason in result.reasons.items()})
        self.about.update({positions[index]: about for index, about in result.about.items()})
        self.provider_ref = result.provider_ref or self.provider_ref
        self.tracking = worse(self.tracking, result.tracking)
        return result, error

    def _may_continue(self) -> bool:
        return not self._context.streak.is_full and self._lease.may_continue()

    def _take_back_streak(self, note: str | None = None) -> None:
        """Have those wait again who were refused in a row in the same words, and pause their digest."""
        streak = self._context.streak
        here = {self.claim.ids[position]: position for position in self.about}
        reason = ""
        for refused in streak.recipients:
            position = here.get(refused.subscriber_id) if refused.digest_id == self.claim.digest_id else None
            if position is not None:
                self.outcomes.record(position, WAITING)
                reason = self.reasons.pop(position)
                self.pausing_answers.add(refused.subscriber_id, reason, streak.about)
        words = NO_MAILBOXES if streak.about is FailureKind.MAILBOX else SAME_WORDS
        self.errors.pause_for_streak(note or words.format(reason=reason), streak.recipients)
        streak.end()

    def _count_refusal(self, recipient: Recipient, reason: str, about: FailureKind) -> bool:
        """Count a refusal in the row of refusals; whether an editor has resumed the digest after this answer."""
        subscriber_id, streak = SubscriberId(recipient.id), self._context.streak
        if self.pausing_answers.is_believed(subscriber_id, reason, about):
            streak.end()
        else:
            streak.add(Refused(self.claim.digest_id, subscriber_id), reason, about)
        return self.pausing_answers.is_repeated(subscriber_id, reason, about)

    def _sleep(self, seconds: float) -> bool:
        """Wait for the rate limit and keep the batch; False when it is better released."""
        if seconds > LONGEST_SLEEP:
            self.errors.pause = timedelta(seconds=seconds)
            return False
        return not shutdown.wait(max(seconds, 0.01))

    def _outcomes_if_killed(self) -> Outcomes:
        """The outcomes as the ledger shall read them if this worker ends now. Reasons of refusals are recorded at the
        end alone: whoever was refused is tried again, and the answer comes again."""
        return self._outcomes_without_answer().without_refusals_since(self.claim.outcomes)

    def _outcomes_without_answer(self) -> Outcomes:
        """The outcomes if no answer to a request that is under way ever comes."""
        return self.outcomes.assume_in_doubt(self._in_request)

    def _keep_answer(self, recipient: Recipient, result: SendResult, index: int) -> None:
        code, position = result.outcomes[index], recipient.position
        self.outcomes.record(position, code)
        self.errors.answered()
        if code != REFUSED:
            self._context.streak.end()
        elif result.reasons[index] != NOT_AN_ADDRESS and not self._transport.all_or_nothing:
            self._count_refusal(recipient, result.reasons[index], result.about[index])
        if code == ACCEPTED:
            self.pausing_answers.others_get_theirs()
            if not self._transport.all_or_nothing:
                self._lease.renew_always |= not self.progress.record_accepted(position)

    def _keep_request(self, positions: Sequence[int], result: SendResult, error: Exception | None) -> None:
        """Keep the one answer to a whole request outside the database, which may be silent."""
        if not self._transport.all_or_nothing:
            return
        is_known = error is None or isinstance(error, NotAcceptedError | RefusedForGoodError)
        known = [
            (position, code)
            for position, code in zip(positions, result.outcomes, strict=True)
            if is_known or code != WAITING
        ]
        self.progress.record_all(known)
