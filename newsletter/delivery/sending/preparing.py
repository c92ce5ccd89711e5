"""Preparing a claimed batch: its message, the recipients who wait for it, and as much of the rate limit as it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from newsletter.core import shutdown
from newsletter.core.ids import SubscriberId
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.models import digest_key
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending import scheduled_sends
from newsletter.delivery.sending.active_recipients import active_recipients
from newsletter.delivery.sending.pausing_answers import PausingAnswers
from newsletter.delivery.sending.progress_files import batch_name
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.message import Message, Recipient
from newsletter.mail.transports.errors import NotAcceptedError

LONGEST_SLEEP = 2.0
"""Seconds that a worker sleeps for the sake of a rate limit; for longer waits it releases the batch."""


@dataclass(frozen=True)
class PreparedBatch:
    """A claim with everything that a transport needs."""

    claim: Claim
    message: Message
    outcomes: Outcomes
    recipients: Sequence[Recipient]
    """The open recipients who are active, or as many of them as one request may carry now."""


def prepare_batch(context: SendingContext, claim: Claim) -> PreparedBatch:
    """Read what a claimed batch needs. Recipients who are not active any more are skipped from now on."""
    outcomes = Outcomes(claim.outcomes)
    with context.db.reading() as session:
        message = _with_reference(context.messages.message(session, claim.digest_id, claim.edition), claim)
        _recall_progress(context, claim, message, outcomes)
        recipients = _open_recipients(session, claim, outcomes)
    return PreparedBatch(claim, message, outcomes, recipients)


def reserve_request(context: SendingContext, batch: PreparedBatch) -> PreparedBatch:
    """The batch as one request may carry it now, for a transport that takes or refuses all recipients together.

    Other transports ask the rate limit before each message. Raises NotAcceptedError when nothing may be sent yet, and
    TransportError when the provider gives no name for its schedule.
    """
    if not (context.transport.all_or_nothing and batch.recipients):
        return batch
    wanted = len(batch.recipients)
    allowance = context.reserve(wanted)
    if not allowance.allowed and allowance.wait <= LONGEST_SLEEP and not shutdown.wait(allowance.wait):
        allowance = context.reserve(wanted)
    if not allowance.allowed:
        raise NotAcceptedError("rates.used_up", "The rate limit is used up.", retry_after=allowance.wait)
    message = scheduled_sends.with_provider_schedule(context.transport, batch.message, batch.claim)
    return replace(batch, message=message, recipients=batch.recipients[: allowance.allowed])


def _with_reference(message: Message, claim: Claim) -> Message:
    """The message with a reference that the provider's events repeat: batch and attempt, nothing about a reader."""
    letter = digest_key(message.id_salt)
    reference = (("batch", str(claim.batch_id)), ("attempt", str(claim.attempt)), ("letter", letter))
    return replace(message, reference=reference)


def _recall_progress(context: SendingContext, claim: Claim, message: Message, outcomes: Outcomes) -> None:
    """Count as accepted the recipients of whom a killed worker on this machine knew it, but not yet the ledger."""
    if claim.attempt > 1:
        accepted = context.progress.read(batch_name(claim.batch_id, message.id_salt))
        outcomes.accept_open(position for position in accepted if position < len(outcomes))


def _open_recipients(session: Session, claim: Claim, outcomes: Outcomes) -> list[Recipient]:
    active = active_recipients(session, claim.ids)
    recipients = []
    ids = claim.ids
    for position in outcomes.open_positions():
        subscriber_id = ids[position]
        found = active.get(subscriber_id)
        if found is None:
            outcomes.skip(position)
        else:
            recipients.append(Recipient(subscriber_id, found[0], found[1], position))
    if claim.pausing_answers:
        pausing = PausingAnswers(claim.pausing_answers)
        recipients.sort(key=lambda recipient: pausing.came_to(SubscriberId(recipient.id)))
    return recipients
