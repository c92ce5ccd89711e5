"""Exact hand-over: SendGrid gets a batch ahead of its time, with a name by which it can be taken back.

A batch in doubt is taken back at SendGrid and sent again under a new name, so that nobody has to decide anything; and
a digest that is paused or cancelled before its time takes back what was handed over. SendGrid cancels up to 10 minutes
before the time (twilio.com/docs/sendgrid, scheduling parameters), so we hand over 30 minutes and at least 15 ahead.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.delivery import marks, settling
from newsletter.delivery.ledger import Claim
from newsletter.delivery.models import Batch, BatchState
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.message import Message
from newsletter.mail.outcomes import ACCEPTED, WAITING
from newsletter.mail.transports.base import Schedules, Transport
from newsletter.mail.transports.errors import TransportError

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=30)
"""How long before its time a digest is frozen and handed over."""
AT_LEAST = timedelta(minutes=15)
"""With less time to go, what becomes doubtful might not be taken back in time: then it gets its time, but no name."""
LAST_CALL = timedelta(minutes=11)
"""What is nearer to its time than this is not taken back any more."""


def prepare(transport: Transport, message: Message, claim: Claim) -> Message:
    """The message with its time and a new name, if its digest is to be handed over ahead and there is time enough.

    Raises TransportError when SendGrid gives no name.
    """
    if claim.send_at is None or claim.send_at <= clock.now() or not isinstance(transport, Schedules):
        return message
    if claim.handover:  # a part of the batch is there already: all of it can be taken back by one name
        return replace(message, send_at=claim.send_at, handover=claim.handover)
    if claim.send_at - clock.now() < AT_LEAST:
        return replace(message, send_at=claim.send_at)
    return replace(message, send_at=claim.send_at, handover=transport.reserve())


def take_back(db: Database, transport: Transport) -> int:
    """Take back at SendGrid what is in doubt, and what belongs to a digest that is paused or cancelled; how many.

    What could not be taken back stays as it is; the next turn of the clock tries again.
    """
    if not isinstance(transport, Schedules):
        return 0
    with db.reading() as session:
        found = _to_take_back(session)
    count = 0
    for batch_id, handover in found:
        try:
            transport.withdraw(handover)
        except TransportError as error:
            log.warning("batch %d cannot be taken back: %s", batch_id, error)
            continue
        with db.transaction() as session:
            count += _wait_again(session, batch_id, handover)
    return count


def _to_take_back(session: Session) -> list[tuple[int, str]]:
    stopped = Digest.status.in_([DigestStatus.PAUSED, DigestStatus.CANCELLED])
    rows = session.execute(
        select(Batch.id, Batch.handover)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.handover.is_not(None), Digest.exact, Digest.scheduled_at > clock.now() + LAST_CALL)
        .where(or_(Batch.state == BatchState.IN_DOUBT, stopped))
        .where(Batch.state.in_([BatchState.IN_DOUBT, BatchState.DONE, BatchState.READY]))
    )
    return [(batch_id, handover) for batch_id, handover in rows if handover]


def _wait_again(session: Session, batch_id: int, handover: str) -> bool:
    """Who was handed over under this name waits again; False when the batch has moved on meanwhile."""
    batch = session.scalar(select(Batch).where(Batch.id == batch_id, Batch.handover == handover).with_for_update())
    if batch is None or batch.state in (BatchState.CLAIMED, BatchState.SENDING):
        return False
    settling.settle(session, batch, taken=False)
    batch.outcomes = batch.outcomes.replace(bytes([ACCEPTED]), bytes([WAITING]))
    batch.state = marks.state_for(batch.outcomes)
    return True
