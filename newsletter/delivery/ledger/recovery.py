"""What the clock does about batches: takes back lost ones, closes what is finished, counts what is open."""

from __future__ import annotations

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import epoch_now
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import batch_state
from newsletter.digests.models import Digest, DigestStatus


def recover_lost(session: Session, *, grace: float) -> int:
    """Take back what was claimed and whose lease passed more than `grace` seconds ago; how many batches.

    A batch that was only claimed reached no provider. One that was sending says in its outcomes who is in doubt, and
    whose answer is known; who waits is sent to again.
    """
    over = Batch.lease_until < epoch_now() - grace
    lost = session.execute(
        update(Batch)
        .where(Batch.state == BatchState.CLAIMED, over)
        .values(state=BatchState.READY, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(lost, CursorResult)
    count = lost.rowcount
    for batch in session.scalars(select(Batch).where(Batch.state == BatchState.SENDING, over).with_for_update()):
        batch.state = batch_state(batch.outcomes)
        if batch.state == BatchState.IN_DOUBT:
            batch.note = "The worker ended before it could write down the provider's answer."
        batch.lease_until = None
        count += 1
    return count


def close_finished(session: Session) -> list[int]:
    """Digests of which nobody waits any more become sent; their numbers.

    What was handed over ahead is not sent before its time: until then it can be taken back. The digests are locked
    first, so that the second statement sees what a `retry` that held one of them has just made ready.
    """
    sending = select(Digest.id).where(Digest.status == DigestStatus.SENDING).with_for_update()
    ids = session.scalars(sending).all()
    if not ids:
        return []
    open_states = (BatchState.READY, BatchState.CLAIMED, BatchState.SENDING, BatchState.IN_DOUBT)
    open_batch = or_(Batch.state.in_(open_states), Batch.withdrawing)
    later = select(Batch.id).where(Batch.digest_id == Digest.id, Batch.due_at > clock.now()).exists()
    is_open = or_(
        select(Batch.id).where(Batch.digest_id == Digest.id, open_batch).exists(),
        and_(Digest.provider_schedule, or_(Digest.scheduled_at > clock.now(), later)),
    )
    return list(
        session.scalars(
            update(Digest)
            .where(Digest.id.in_(ids), ~is_open)
            .values(status=DigestStatus.SENT, sent_at=clock.now())
            .returning(Digest.id)
            .execution_options(synchronize_session=False)
        )
    )


def count_ready(session: Session, limit: int) -> int:
    """How many batches could be claimed now, counted up to `limit`."""
    rows = session.scalars(
        select(Batch.id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.state == BatchState.READY, ~Batch.withdrawing, _its_time())
        .where(Digest.status == DigestStatus.SENDING)
        .limit(limit)
    )
    return len(rows.all())


def count_busy(session: Session) -> int:
    """How many batches a worker has now; a dead worker's stop counting when their lease is over."""
    states = (BatchState.CLAIMED, BatchState.SENDING)
    query = select(func.count()).select_from(Batch).where(Batch.state.in_(states), Batch.lease_until > epoch_now())
    return session.scalars(query).one()


def _its_time() -> ColumnElement[bool]:
    return or_(Batch.not_before.is_(None), Batch.not_before <= clock.now())
