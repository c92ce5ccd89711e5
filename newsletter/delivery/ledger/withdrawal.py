"""Withdrawing batches that SendGrid keeps until their time (see `sending.scheduled_sends`).

A batch is `withdrawing` before SendGrid is told, and until its recipients wait again or SendGrid has refused. So a
crash in between leaves a batch that SendGrid is asked about again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.ids import BatchId
from newsletter.delivery.ledger.lifecycle import WITHDRAW, change_batch
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests.models import Digest, DigestStatus

LAST_CALL = timedelta(minutes=11)
"""A batch nearer to its time than this is not withdrawn any more."""
ASK_AGAIN = timedelta(minutes=1)
"""The pause after a refusal of SendGrid."""
NO_ANSWER = "SendGrid was asked to withdraw it, and its answer did not come in time."

_send_at = func.coalesce(Batch.due_at, Digest.scheduled_at)
"""When SendGrid sends a batch."""


def batches_to_withdraw(session: Session, limit: int) -> list[tuple[BatchId, str]]:
    """Number and provider_batch_id of batches to withdraw now: in doubt, or of a digest that is paused or cancelled.

    Those whose withdrawal was begun and not finished come first.
    """
    may_ask = or_(Batch.not_before.is_(None), Batch.not_before <= clock.now())
    rows = session.execute(
        select(Batch.id, Batch.provider_batch_id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(or_(Batch.withdrawing, and_(_is_wanted(), may_ask)))
        .order_by(~Batch.withdrawing, Batch.state != BatchState.IN_DOUBT, Batch.id)
        .limit(limit)
    )
    return [(batch_id, provider_batch_id) for batch_id, provider_batch_id in rows if provider_batch_id]


def begin_withdrawal(session: Session, batch_id: BatchId, provider_batch_id: str) -> bool:
    """Whether the batch is still to be withdrawn; from now on neither workers nor editors touch it."""
    is_same = and_(Batch.id == batch_id, Batch.provider_batch_id == provider_batch_id)
    batches = _lock_batches(session, is_same, or_(Batch.withdrawing, _is_wanted()))
    return any(change_batch(session, batch, WITHDRAW, withdrawing=True) for batch in batches)


def complete_withdrawal(session: Session, batch_id: BatchId, provider_batch_id: str) -> bool:
    """Have the recipients wait again whose mail SendGrid kept under this name; whether the batch was withdrawn."""
    is_same = and_(Batch.id == batch_id, Batch.provider_batch_id == provider_batch_id)
    values = {"withdrawing": False, "provider_batch_id": None, "tracking": None, "not_before": None, "note": None}
    for batch in _lock_batches(session, is_same, Batch.withdrawing):
        outcomes = Outcomes(batch.outcomes)
        outcomes.withdraw()
        return change_batch(session, batch, WITHDRAW, outcomes, **values)
    return False


def refuse_withdrawal(session: Session, batch_id: BatchId) -> None:
    """Leave the batch as it was: SendGrid keeps it, and is asked again later."""
    for batch in _lock_batches(session, Batch.id == batch_id, Batch.withdrawing):
        change_batch(session, batch, WITHDRAW, withdrawing=False, not_before=clock.now() + ASK_AGAIN)


def give_up_late_withdrawals(session: Session) -> None:
    """Put batches in doubt whose time is near while it is unknown whether SendGrid withdrew them."""
    for batch in _lock_batches(session, Batch.withdrawing, clock.now() + LAST_CALL >= _send_at):
        outcomes = Outcomes(batch.outcomes)
        outcomes.doubt_accepted()
        change_batch(session, batch, WITHDRAW, outcomes, withdrawing=False, note=NO_ANSWER)


def _lock_batches(session: Session, *conditions: SQLColumnExpression[bool]) -> Sequence[Batch]:
    batches = select(Batch).join(Digest, Digest.id == Batch.digest_id).where(*conditions)
    return session.scalars(batches.with_for_update(of=Batch, skip_locked=True)).all()


def _is_wanted() -> ColumnElement[bool]:
    """In doubt or stopped, without a worker, and with enough time."""
    stopped = Digest.status.in_([DigestStatus.PAUSED, DigestStatus.CANCELLED])
    in_time = clock.now() + LAST_CALL < _send_at
    return and_(
        Batch.provider_batch_id.is_not(None),
        Digest.provider_schedule,
        in_time,
        WITHDRAW.is_allowed(Batch.state),
        or_(Batch.state == BatchState.IN_DOUBT, stopped),
    )
