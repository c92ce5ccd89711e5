"""The clock's work on batches: recover those of lost workers, close finished digests, count what is open."""

from __future__ import annotations

from sqlalchemy import ColumnElement, CursorResult, and_, false, func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import epoch_now
from newsletter.delivery.ledger.lease_watch import LeaseWatch
from newsletter.delivery.ledger.lifecycle import FINISH, RELEASE, change_batch
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.ledger.splitting import split_open
from newsletter.digests import lifecycle as digest_lifecycle
from newsletter.digests.models import Digest, DigestStatus

_BUSY = (BatchState.CLAIMED, BatchState.SENDING)
LOST = "The worker ended before it could record the provider's answer."


def recover_lost(session: Session, *, grace: float, watch: LeaseWatch | None = None) -> int:
    """Free the batches whose lease ended more than `grace` seconds ago; how many.

    With `watch` a lease has ended when this process saw it unchanged for its whole length; without it, by the
    database's time.

    A batch that was only claimed reached no provider. One that was being sent says in its outcomes which recipients are
    in doubt and which answers are known; those who wait are sent to again.
    Rows that somebody has locked are left to the next call: a host that died with a lock must not stop the clock.
    """
    is_over = _is_over(session, grace, watch)
    claimed = select(Batch.id).where(RELEASE.is_allowed(Batch.state), is_over).with_for_update(skip_locked=True)
    released = session.execute(
        update(Batch)
        .where(Batch.id.in_(session.scalars(claimed).all()), RELEASE.is_allowed(Batch.state), is_over)
        .values(state=RELEASE.target, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(released, CursorResult)
    count = released.rowcount
    lost = select(Batch).where(FINISH.is_allowed(Batch.state), is_over).with_for_update(skip_locked=True)
    for batch in session.scalars(lost).all():
        in_doubt = Outcomes(batch.outcomes).batch_state() == BatchState.IN_DOUBT
        count += change_batch(session, batch, FINISH, lease_until=None, note=LOST if in_doubt else batch.note)
        split_open(session, batch.id)
    return count


def _is_over(session: Session, grace: float, watch: LeaseWatch | None) -> ColumnElement[bool]:
    if watch is None:
        return Batch.lease_until < epoch_now() - grace
    rows = session.execute(select(Batch.id, Batch.attempt, Batch.lease_until).where(Batch.state.in_(_BUSY)))
    leases = [(batch_id, attempt, until or 0.0) for batch_id, attempt, until in rows]
    attempts = {batch_id: attempt for batch_id, attempt, _ in leases}
    over = watch.over(leases, grace=grace)
    return or_(false(), *(and_(Batch.id == each, Batch.attempt == attempts[each]) for each in over))


def close_finished(session: Session, *, by: Actor) -> list[int]:
    """Mark the digests as sent of which no recipient is open; their numbers.

    A digest with a provider schedule is not sent before its time: until then it can be withdrawn. The digests are
    locked first, so that the second statement sees the batches that a `retry` has just made ready.
    """
    sending = select(Digest.id).where(Digest.status == DigestStatus.SENDING).with_for_update(skip_locked=True)
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
    finished = session.scalars(select(Digest.id).where(Digest.id.in_(ids), ~is_open)).all()
    return digest_lifecycle.mark_sent(session, finished, by=by)


def count_ready(session: Session, limit: int) -> int:
    """How many batches could be claimed now, counted up to `limit`."""
    may_begin = or_(Batch.not_before.is_(None), Batch.not_before <= clock.now())
    rows = session.scalars(
        select(Batch.id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.state == BatchState.READY, ~Batch.withdrawing, may_begin)
        .where(Digest.status == DigestStatus.SENDING)
        .limit(limit)
    )
    return len(rows.all())


def count_busy(session: Session) -> int:
    """How many batches workers have now; those of a dead worker stop counting when their lease is over."""
    query = select(func.count()).select_from(Batch).where(Batch.state.in_(_BUSY), Batch.lease_until > epoch_now())
    return session.scalars(query).one()
