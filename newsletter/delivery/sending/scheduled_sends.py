"""provider schedule: SendGrid gets a batch ahead of its time, with a name by which it can be taken back.

A batch in doubt is taken back at SendGrid and sent again under a new name, so that nobody has to decide anything; and
a digest that is paused or cancelled before its time takes back what was handed over. SendGrid cancels up to 10 minutes
before the time (twilio.com/docs/sendgrid, scheduling parameters), so we hand over 30 minutes and at least 15 ahead.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock, shutdown
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.ledger import outcome_bytes, resolving
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.transitions import Claim
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.message import Message
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, WAITING
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import ProviderScheduling, Transport
from newsletter.mail.transports.errors import NotTakenError, RefusedForGoodError

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=30)
"""How long before its time a digest is frozen and handed over."""
AT_LEAST = timedelta(minutes=15)
"""With less time to go, what becomes doubtful might not be taken back in time: then it gets its time, but no name."""
LAST_CALL = timedelta(minutes=11)
"""What is nearer to its time than this is not taken back any more."""
MOST = 10
"""Batches that one turn of the clock takes back at most."""
TURN = 5.0
"""Seconds that it may take."""
ASK_AGAIN = timedelta(minutes=1)
"""How long a refusal to take back is accepted."""

_TIME = func.coalesce(Batch.due_at, Digest.scheduled_at)
"""When SendGrid sends a batch."""


def with_provider_schedule(transport: Transport, message: Message, claim: Claim) -> Message:
    """The message with its time and a new name, if its digest is to be handed over ahead and there is time enough.

    Raises TransportError when SendGrid gives no name.
    """
    if claim.send_at is None or claim.send_at <= clock.now() or not isinstance(transport, ProviderScheduling):
        return message
    if claim.provider_batch_id:  # a part of the batch is there already: all of it can be taken back by one name
        return replace(message, send_at=claim.send_at, provider_batch_id=claim.provider_batch_id)
    if claim.send_at - clock.now() < AT_LEAST:
        return replace(message, send_at=claim.send_at)
    return replace(message, send_at=claim.send_at, provider_batch_id=transport.reserve_batch_id())


def cancel_at_provider(db: Database, settings: Settings) -> int:
    """Take back at SendGrid what is in doubt, and what belongs to a digest that is paused or cancelled; how many.

    A batch is marked as being withdrawn before SendGrid is told, and the mark goes only when its readers wait again or
    SendGrid has refused: a crash in between leaves a batch that is asked about again. A turn of the clock takes back
    a few; SendGrid holds ten cancellations at a time, so after a refusal we ask again only after a while.
    """
    with db.transaction() as session:
        _give_up_late_ones(session)
        found = _to_take_back(session)
    if not found:
        return 0
    transport = open_transport(settings)
    count = 0
    began = time.monotonic()
    for batch_id, provider_batch_id in found:
        if shutdown.requested() or time.monotonic() - began > TURN:
            break
        with db.transaction() as session:
            if not _mark(session, batch_id, provider_batch_id):
                continue
        try:
            assert isinstance(transport, ProviderScheduling)
            transport.cancel_batch(provider_batch_id)
        except RefusedForGoodError as error:
            log.warning("batch %d cannot be taken back: %s", batch_id, error)
            with db.transaction() as session:
                _leave(session, batch_id)
            break
        except NotTakenError as error:
            log.warning("batch %d cannot be taken back yet: %s", batch_id, error)
            break
        with db.transaction() as session:
            count += _wait_again(session, batch_id, provider_batch_id)
    return count


def _to_take_back(session: Session) -> list[tuple[int, str]]:
    may_ask = or_(Batch.not_before.is_(None), Batch.not_before <= clock.now())
    rows = session.execute(
        select(Batch.id, Batch.provider_batch_id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(or_(Batch.withdrawing, and_(_wanted(), may_ask)))
        .order_by(~Batch.withdrawing, Batch.state != BatchState.IN_DOUBT, Batch.id)
        .limit(MOST)
    )
    return [(batch_id, provider_batch_id) for batch_id, provider_batch_id in rows if provider_batch_id]


def _wanted() -> ColumnElement[bool]:
    """In doubt or stopped, held by nobody, and with time enough."""
    stopped = Digest.status.in_([DigestStatus.PAUSED, DigestStatus.CANCELLED])
    free = Batch.state.in_([BatchState.IN_DOUBT, BatchState.DONE, BatchState.READY])
    in_time = clock.now() + LAST_CALL < _TIME
    why = or_(Batch.state == BatchState.IN_DOUBT, stopped)
    return and_(Batch.provider_batch_id.is_not(None), Digest.provider_schedule, in_time, free, why)


def _mark(session: Session, batch_id: int, provider_batch_id: str) -> bool:
    """Whether the batch is still to be taken back; from now on nobody else touches it."""
    batch = session.scalar(
        select(Batch)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.id == batch_id, Batch.provider_batch_id == provider_batch_id, or_(Batch.withdrawing, _wanted()))
        .with_for_update(of=Batch)
    )
    if batch is None:
        return False
    batch.withdrawing = True
    return True


def _wait_again(session: Session, batch_id: int, provider_batch_id: str) -> bool:
    """Who was handed over under this name waits again."""
    batch = session.scalar(select(Batch).where(Batch.id == batch_id, Batch.withdrawing).with_for_update())
    if batch is None or batch.provider_batch_id != provider_batch_id:
        return False
    batch.outcomes = batch.outcomes.replace(bytes([ACCEPTED]), bytes([WAITING]))
    resolving.resolve_batch(session, batch, was_sent=False)
    batch.withdrawing = False
    batch.not_before = None
    return True


def _leave(session: Session, batch_id: int) -> None:
    """SendGrid keeps it: everything is as before, and we ask again later."""
    batch = session.get_one(Batch, batch_id, with_for_update=True)
    batch.withdrawing = False
    batch.not_before = clock.now() + ASK_AGAIN


def _give_up_late_ones(session: Session) -> None:
    """Whether SendGrid took these back was not learnt in time: they are in doubt."""
    late = (
        select(Batch)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.withdrawing, clock.now() + LAST_CALL >= _TIME)
        .with_for_update(of=Batch)
    )
    for batch in session.scalars(late):
        batch.outcomes = batch.outcomes.replace(bytes([ACCEPTED]), bytes([IN_DOUBT]))
        batch.state = outcome_bytes.batch_state(batch.outcomes)
        batch.note = "SendGrid was asked to take it back, and its answer did not come in time."
        batch.withdrawing = False
