"""The ledger's transitions: claim, mark, renew, finish, recover. Each is one short transaction's work.

A claim is a conditional UPDATE; whatever follows is fenced by the attempt, so that a worker whose lease ran out and
whose batch went to another can change nothing. Leases are measured by the database's time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import epoch_now
from newsletter.delivery import audience
from newsletter.delivery.audience import EditionKey
from newsletter.delivery.models import Batch, BatchState, Edition
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.outcomes import DEFERRED, IN_DOUBT, WAITING
from newsletter.mail.transports.base import Transport

LEASE = 5.0
"""Seconds within which a worker that holds a batch must begin its next request or message, or stop."""


@dataclass(frozen=True)
class Claim:
    """A batch that this worker holds at this attempt."""

    batch_id: int
    digest_id: int
    attempt: int
    edition: EditionKey
    ids: array[int]
    outcomes: bytes
    """One byte a recipient: who waits or was deferred is to be sent to now."""
    failures: int
    deferred_since: datetime | None
    send_at: datetime | None
    """The time of a digest that is handed over ahead."""
    handover: str | None


def claim(session: Session) -> Claim | None:
    """Take the oldest batch that is ready, of any digest that is sending; None when there is none."""
    batch_id = session.scalar(
        select(Batch.id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.state == BatchState.READY, _its_time(), Digest.status == DigestStatus.SENDING)
        .order_by(Batch.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Batch)
    )
    if batch_id is None:
        return None
    taken = session.execute(
        update(Batch)
        .where(Batch.id == batch_id, Batch.state == BatchState.READY)
        .values(state=BatchState.CLAIMED, attempt=Batch.attempt + 1, lease_until=epoch_now() + LEASE, not_before=None)
        .execution_options(synchronize_session=False)
    )
    return _read(session, batch_id) if _rows(taken) else None


def _read(session: Session, batch_id: int) -> Claim:
    row = session.execute(
        select(
            Batch.digest_id,
            Batch.attempt,
            Batch.recipients,
            Batch.outcomes,
            Batch.failures,
            Batch.deferred_since,
            Batch.handover,
            Digest.exact,
            Digest.scheduled_at,
            Edition.mask,
            Edition.language,
            Edition.format,
        )
        .join(Edition, Edition.id == Batch.edition_id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.id == batch_id)
    ).one()
    return Claim(
        batch_id=batch_id,
        digest_id=row.digest_id,
        attempt=row.attempt,
        edition=EditionKey(row.mask, row.language, row.format),
        ids=audience.unpack(row.recipients),
        outcomes=row.outcomes,
        failures=row.failures,
        deferred_since=row.deferred_since,
        send_at=row.scheduled_at if row.exact else None,
        handover=row.handover,
    )


def mark_sending(
    session: Session, claim: Claim, outcomes: bytes, seconds: float, *, handover: str | None = None
) -> bool:
    """Commit to the network call, for `seconds`, with `outcomes` as they are to be read if no answer is written down.

    False when the claim is lost or the digest must not go on.
    """
    return _fenced(
        session,
        claim,
        BatchState.CLAIMED,
        select(Digest.status).where(Digest.id == claim.digest_id).scalar_subquery() == DigestStatus.SENDING,
        state=BatchState.SENDING,
        outcomes=outcomes,
        handover=handover,
        lease_until=epoch_now() + seconds,
    )


def renew(session: Session, claim: Claim, outcomes: bytes, seconds: float) -> bool:
    """Keep the answers so far, and the lease for `seconds` more. False when the claim is lost: the worker must stop."""
    return _fenced(session, claim, BatchState.SENDING, outcomes=outcomes, lease_until=epoch_now() + seconds)


def give_back(session: Session, claim: Claim, pause: timedelta = timedelta(0)) -> None:
    """Undo a claim that led to no network call; nobody claims the batch before `pause` is over."""
    not_before = clock.now() + pause if pause else None
    _fenced(session, claim, BatchState.CLAIMED, state=BatchState.READY, lease_until=None, not_before=not_before)


def finish(
    session: Session,
    claim: Claim,
    outcomes: bytes,
    *,
    provider_ref: str | None = None,
    pause: timedelta = timedelta(0),
    note: str | None = None,
    failed: bool = False,
) -> bool:
    """Write the outcomes; what still waits or is deferred makes the batch ready again after `pause`."""
    state = state_for(outcomes)
    return _fenced(
        session,
        claim,
        BatchState.SENDING,
        state=state,
        outcomes=outcomes,
        provider_ref=provider_ref,
        note=note,
        failures=claim.failures + 1 if failed else 0,
        deferred_since=(claim.deferred_since or clock.now()) if DEFERRED in outcomes else None,
        lease_until=None,
        not_before=clock.now() + pause if state == BatchState.READY and pause else None,
    )


def recover(session: Session, *, grace: float) -> int:
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
    count = _rows(lost)
    for batch in session.scalars(select(Batch).where(Batch.state == BatchState.SENDING, over).with_for_update()):
        batch.state = state_for(batch.outcomes)
        if batch.state == BatchState.IN_DOUBT:
            batch.note = "The worker ended before it could write down the provider's answer."
        batch.lease_until = None
        count += 1
    return count


def in_doubt(outcomes: bytes) -> bytes:
    """Everyone without an answer is in doubt."""
    return outcomes.replace(bytes([WAITING]), bytes([IN_DOUBT])).replace(bytes([DEFERRED]), bytes([IN_DOUBT]))


def marked_ahead(outcomes: Iterable[int], places: Iterable[int]) -> bytes:
    """`outcomes` with those at `places` in doubt who have no answer yet: they are in a request."""
    ahead = bytearray(outcomes)
    for place in places:
        if ahead[place] in (WAITING, DEFERRED):
            ahead[place] = IN_DOUBT
    return bytes(ahead)


def lease(transport: Transport) -> float:
    """Seconds that a batch is held for: a request begins within LEASE and may then take the transport's deadline."""
    return LEASE + transport.deadline


def close_finished(session: Session) -> list[int]:
    """Digests of which nobody waits any more become sent; their numbers.

    What was handed over ahead is not sent before its time: until then it can be taken back.
    """
    open_states = (BatchState.READY, BatchState.CLAIMED, BatchState.SENDING, BatchState.IN_DOUBT)
    is_open = or_(
        select(Batch.id).where(Batch.digest_id == Digest.id, Batch.state.in_(open_states)).exists(),
        and_(Digest.exact, Digest.scheduled_at > clock.now()),
    )
    return list(
        session.scalars(
            update(Digest)
            .where(Digest.status == DigestStatus.SENDING, ~is_open)
            .values(status=DigestStatus.SENT, sent_at=clock.now())
            .returning(Digest.id)
            .execution_options(synchronize_session=False)
        )
    )


def ready(session: Session, limit: int) -> int:
    """How many batches could be claimed now, counted up to `limit`."""
    rows = session.scalars(
        select(Batch.id)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Batch.state == BatchState.READY, _its_time(), Digest.status == DigestStatus.SENDING)
        .limit(limit)
    )
    return len(rows.all())


def at_work(session: Session) -> int:
    """How many batches a worker has now; a dead worker's stop counting when their lease is over."""
    states = (BatchState.CLAIMED, BatchState.SENDING)
    query = select(func.count()).select_from(Batch).where(Batch.state.in_(states), Batch.lease_until > epoch_now())
    return session.scalars(query).one()


def state_for(outcomes: bytes) -> BatchState:
    """The state of a batch that nobody holds."""
    if IN_DOUBT in outcomes:
        return BatchState.IN_DOUBT
    return BatchState.READY if WAITING in outcomes or DEFERRED in outcomes else BatchState.DONE


def _its_time() -> ColumnElement[bool]:
    return or_(Batch.not_before.is_(None), Batch.not_before <= clock.now())


def _fenced(
    session: Session, claim: Claim, held: BatchState, /, *conditions: ColumnElement[bool], **values: object
) -> bool:
    result = session.execute(
        update(Batch)
        .where(Batch.id == claim.batch_id, Batch.attempt == claim.attempt, Batch.state == held, *conditions)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return _rows(result) == 1


def _rows(result: object) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
