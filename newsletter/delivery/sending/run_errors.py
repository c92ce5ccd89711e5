"""Errors in a run over a batch: what they mean for its recipients, for the next attempt, and for the digest."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import timedelta

from newsletter.core.actors import WORKER
from newsletter.delivery.ledger import retrying
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending import failures
from newsletter.delivery.sending.refusal_streak import Refused
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import DEFERRED, WAITING
from newsletter.mail.transports.errors import CutOffError, InDoubtError, NotAcceptedError, RefusedForGoodError

log = logging.getLogger(__name__)

MOST_LOST_CONNECTIONS = 3
"""Connections in a row that end at a recipient, without any answer in between: then the server is the reason."""
PATIENT_ATTEMPTS = 5
"""Attempts in a row that may end so before an editor is asked, while surely nothing was taken."""
UNANSWERED_PAUSE = timedelta(seconds=20)
"""The wait before recipients who were set aside are sent to again."""

SILENT = (
    "The mail server ended {count} connections in a row without an answer to the message that it had been sent: "
    "{error} Find out why, then resume it."
)
CUT_OFF = "The mail server ends each connection before it has taken a message: {error} Find out why, then resume it."
SAME_WORDS = "The mail server refuses one recipient after the other in the same words: {reason}"
NO_MAILBOXES = (
    "The mail server says of one recipient after the other that there is no such mailbox: {reason}. If it is wrong, "
    "have it mended first. Then resume the digest: whoever is refused so again counts as refused."
)
NO_ANSWER = "No answer came to three messages to the same recipient: {error}"


class RunErrors:
    """The errors of one run."""

    def __init__(self, context: SendingContext, claim: Claim) -> None:
        self.pause = timedelta(0)
        """The wait before the rest is sent."""
        self.note: str | None = None
        """The error that ended the run or put somebody in doubt, in words."""
        self.failed = False
        """Whether the provider took nothing because something is wrong (not because of limits)."""
        self.progressed = False
        """Whether some recipient got an answer: then the backoff begins anew."""
        self._context = context
        self._claim = claim
        self._answered = False
        """Whether an answer came since the last error."""
        self._unanswered_connections = 0
        self._cut_off: list[Recipient] = []
        """Recipients in a row at whom a connection ended."""

    def answered(self) -> None:
        """Note that some recipient got an answer."""
        self.progressed = self._answered = True

    def ends_request(self, error: Exception) -> bool:
        """Note an error of a request whose answer is one for all. True when the request is in doubt."""
        if isinstance(error, NotAcceptedError):
            self._wait_and_try_again(error)
            return False
        if isinstance(error, InDoubtError):
            self.note = str(error)
            return True
        return self._stop(error)

    def next_recipients(
        self, error: Exception, outcomes: Outcomes, waiting: Sequence[Recipient]
    ) -> Sequence[Recipient] | None:
        """Those of `waiting` to whom the run goes on at once, over a new connection; None when it ends here."""
        progressed, self._answered = self._answered, False
        if progressed:
            self._unanswered_connections, self._cut_off = 0, []
        if isinstance(error, CutOffError):
            return self._after_cut_off(error, outcomes, waiting)
        if isinstance(error, NotAcceptedError):
            if progressed and error.retry_after is None:
                return waiting  # the connection has served its time
            self._wait_and_try_again(error)
        elif isinstance(error, InDoubtError):
            return self._after_silence(error, outcomes, waiting)
        else:
            self._stop(error)
        return None

    def pause_for_streak(self, note: str, recipients: Sequence[Refused]) -> None:
        """Pause the digest whose recipients were all refused in the same words. Those of them that other batches have
        recorded wait again, too."""
        self.note = note
        digest_id = self._claim.digest_id
        earlier = {each.subscriber_id for each in recipients if each.digest_id == digest_id}
        failures.pause_for_error(self._context.db, digest_id, note, by=WORKER)
        with self._context.db.transaction() as session:
            retrying.take_back_refusals(session, digest_id, sorted(earlier))

    def _after_cut_off(
        self, error: CutOffError, outcomes: Outcomes, waiting: Sequence[Recipient]
    ) -> Sequence[Recipient] | None:
        """Surely not taken. The recipient is deferred; but when others fare alike, all of them keep waiting."""
        self._cut_off.append(waiting[0])
        if len(self._cut_off) < MOST_LOST_CONNECTIONS:
            outcomes.record(waiting[0].position, DEFERRED)
            self.note = str(error)
            return waiting[1:]
        for recipient in self._cut_off:
            outcomes.record(recipient.position, WAITING)
        self._wait_and_try_again(error)
        if self._claim.failures >= PATIENT_ATTEMPTS and not self.progressed:
            self._pause_digest(CUT_OFF.format(error=error))
        return None

    def _after_silence(
        self, error: InDoubtError, outcomes: Outcomes, waiting: Sequence[Recipient]
    ) -> Sequence[Recipient] | None:
        """Perhaps taken. The recipient is set aside, so that the others do not wait for an answer that never comes."""
        self._unanswered_connections += 1
        self.pause = max(self.pause, UNANSWERED_PAUSE)
        self.note = str(error)
        if not outcomes.set_aside(waiting[0].position):
            self.note = NO_ANSWER.format(error=error)
        if self._unanswered_connections < MOST_LOST_CONNECTIONS:
            return waiting[1:]
        self._pause_digest(SILENT.format(count=self._unanswered_connections, error=error))
        return None

    def _wait_and_try_again(self, error: NotAcceptedError) -> None:
        self._context.back_off(error.retry_after)
        self.note, self.failed = str(error), True
        doublings = 0 if self.progressed else min(self._claim.failures, 10)
        seconds = min(2.0 * 2**doublings, 900.0) * random.uniform(0.8, 1.2)  # noqa: S311
        self.pause = max(self.pause, timedelta(seconds=max(seconds, error.retry_after or 0.0)))

    def _stop(self, error: Exception) -> bool:
        """Pause the digest until a person has acted; whether a request that is under way is in doubt."""
        if isinstance(error, RefusedForGoodError):
            self._pause_digest(str(error))
            return False
        log.error("batch %d of digest %d", self._claim.batch_id, self._claim.digest_id, exc_info=error)
        self.note = failures.pause_for_unforeseen(self._context.db, self._claim.digest_id, error, by=WORKER)
        return True

    def _pause_digest(self, note: str) -> None:
        self.note = note
        failures.pause_for_error(self._context.db, self._claim.digest_id, note, by=WORKER)
