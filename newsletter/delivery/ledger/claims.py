"""A worker's transitions of a batch: claim, mark as sending, renew, release, finish.

A claim is a conditional UPDATE. Everything after it is fenced by the attempt, so that a worker whose lease ran out and
whose batch went to another can change nothing. Leases are measured by the database's time.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Update, bindparam, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import URGENT_CADENCES
from newsletter.core.db import epoch_now, table_of
from newsletter.core.ids import BatchId, DigestId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.lifecycle import CLAIM, FINISH, MARK_SENDING, RELEASE, RENEW
from newsletter.delivery.ledger.models import Batch, BatchState, Edition, EditionKey
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.tracking import Tracking, worse
from newsletter.mail.transports.base import Transport

LEASE = 5.0
"""Seconds within which a worker that has a batch must begin its next request or message, or stop."""


@dataclass(frozen=True)
class Claim:
    """A batch that this worker has at this attempt."""

    batch_id: BatchId
    digest_id: DigestId
    attempt: int
    edition: EditionKey
    ids: array[int]
    outcomes: bytes
    """One byte for each recipient; the open ones are to be sent to now."""
    failures: int
    deferred_since: datetime | None
    send_at: datetime | None
    """With a provider schedule: the digest's time, or the hour of the batch's readers."""
    provider_batch_id: str | None
    tracking: Tracking | None = None
    """The provider's tracking in the requests of earlier attempts."""
    pausing_answers: Mapping[str, str] = field(default_factory=dict)


# The statements are made once, on tables and not on mapped classes: making them anew for each batch took longer than
# running them (measured: 6 ms of CPU a batch).
_batches, _digests, _editions = table_of(Batch), table_of(Digest), table_of(Edition)
_batch, _digest, _edition = _batches.c, _digests.c, _editions.c
_is_claimed = (_batch.id == bindparam("batch"), _batch.attempt == bindparam("claimed_attempt"))

_NEXT = (
    select(_batch.id)
    .join_from(_batches, _digests, _digest.id == _batch.digest_id)
    .where(CLAIM.is_allowed(_batch.state), ~_batch.withdrawing, _digest.status == DigestStatus.SENDING)
    .where(or_(_batch.not_before.is_(None), _batch.not_before <= bindparam("now")))
    .order_by(_batch.pausing_answers.is_not(None), _batch.id)  # nobody waits behind those who pause the digest again
    .limit(1)
    .with_for_update(skip_locked=True, of=_batches)
)
_NEXT_URGENT = _NEXT.where(_digest.cadence.in_(URGENT_CADENCES))
_CLAIM = (
    update(_batches)
    .where(_batch.id == bindparam("batch"), CLAIM.is_allowed(_batch.state))
    .values(state=CLAIM.target, attempt=_batch.attempt + 1, lease_until=epoch_now() + LEASE, not_before=None)
)
_READ = (
    select(
        _batch.digest_id,
        _batch.attempt,
        _batch.recipients,
        _batch.outcomes,
        _batch.failures,
        _batch.deferred_since,
        _batch.provider_batch_id,
        _batch.tracking,
        _batch.pausing_answers,
        _batch.due_at,
        _digest.provider_schedule,
        _digest.scheduled_at,
        _edition.mask,
        _edition.language,
        _edition.format,
    )
    .join_from(_batches, _editions, _edition.id == _batch.edition_id)
    .join(_digests, _digest.id == _batch.digest_id)
    .where(_batch.id == bindparam("batch"))
)
_MARK_SENDING = (
    update(_batches)
    .where(*_is_claimed, MARK_SENDING.is_allowed(_batch.state))
    .where(select(_digest.status).where(_digest.id == _batch.digest_id).scalar_subquery() == DigestStatus.SENDING)
    .values(
        state=MARK_SENDING.target,
        outcomes=bindparam("new_outcomes"),
        provider_batch_id=bindparam("new_provider_batch_id"),
        tracking=bindparam("new_tracking"),
        attempted_at=bindparam("now"),
        lease_until=epoch_now() + bindparam("seconds"),
    )
)
_RENEW = (
    update(_batches)
    .where(*_is_claimed, RENEW.is_allowed(_batch.state))
    .values(outcomes=bindparam("new_outcomes"), lease_until=epoch_now() + bindparam("seconds"))
)
_RELEASE = (
    update(_batches)
    .where(*_is_claimed, RELEASE.is_allowed(_batch.state))
    .values(state=RELEASE.target, lease_until=None, not_before=bindparam("new_not_before"))
)
_FINISH = (
    update(_batches)
    .where(*_is_claimed, FINISH.is_allowed(_batch.state))
    .values(
        state=bindparam("new_state"),
        outcomes=bindparam("new_outcomes"),
        provider_ref=bindparam("new_provider_ref"),
        tracking=bindparam("new_tracking"),
        note=bindparam("new_note"),
        failures=bindparam("new_failures"),
        deferred_since=bindparam("new_deferred_since"),
        not_before=bindparam("new_not_before"),
        pausing_answers=bindparam("new_pausing_answers"),
        lease_until=None,
    )
)


def claim_batch(session: Session) -> Claim | None:
    """Claim the oldest ready batch of any digest that is being sent; None when there is none.

    Breaking news and corrections do not wait for what was begun before them.
    """
    connection = session.connection()
    now = {"now": clock.now()}
    batch_id = connection.scalar(_NEXT_URGENT, now) or connection.scalar(_NEXT, now)
    if batch_id is None or connection.execute(_CLAIM, {"batch": batch_id}).rowcount == 0:
        return None
    row = connection.execute(_READ, {"batch": batch_id}).one()
    return Claim(
        batch_id=batch_id,
        digest_id=row.digest_id,
        attempt=row.attempt,
        edition=EditionKey(row.mask, row.language, row.format),
        ids=packing.unpack_ids(row.recipients),
        outcomes=row.outcomes,
        failures=row.failures,
        deferred_since=row.deferred_since,
        send_at=(row.due_at or row.scheduled_at) if row.provider_schedule else None,
        provider_batch_id=row.provider_batch_id,
        tracking=row.tracking,
        pausing_answers=row.pausing_answers or {},
    )


def mark_sending(
    session: Session,
    claim: Claim,
    outcomes: Outcomes,
    seconds: float,
    *,
    provider_batch_id: str | None = None,
    unrecorded_tracking: Tracking | None = None,
) -> bool:
    """Commit to the network call, for `seconds`. `outcomes` and `unrecorded_tracking` are to be read if no answer is
    ever recorded.

    False when the claim is lost or the digest is not being sent any more.
    """
    return _run_fenced(
        session,
        claim,
        _MARK_SENDING,
        new_outcomes=bytes(outcomes),
        new_provider_batch_id=provider_batch_id,
        new_tracking=worse(claim.tracking, unrecorded_tracking),
        now=clock.now(),
        seconds=seconds,
    )


def renew_lease(session: Session, claim: Claim, outcomes: Outcomes, seconds: float) -> bool:
    """Keep the answers so far, and the lease for `seconds` more. False when the claim is lost: the worker must stop."""
    return _run_fenced(session, claim, _RENEW, new_outcomes=bytes(outcomes), seconds=seconds)


def release_batch(session: Session, claim: Claim, pause: timedelta = timedelta(0)) -> None:
    """Undo a claim that led to no network call; the batch is not claimed again before `pause` is over."""
    _run_fenced(session, claim, _RELEASE, new_not_before=clock.now() + pause if pause else None)


def finish_batch(
    session: Session,
    claim: Claim,
    outcomes: Outcomes,
    *,
    provider_ref: str | None = None,
    tracking: Tracking | None = None,
    pause: timedelta = timedelta(0),
    note: str | None = None,
    failures: int = 0,
    pausing_answers: Mapping[str, str] | None = None,
) -> bool:
    """Record the outcomes, and the provider's tracking in the requests of this attempt.

    Open recipients make the batch ready again after `pause`. False when the claim is lost.
    """
    state = outcomes.batch_state()
    return _run_fenced(
        session,
        claim,
        _FINISH,
        new_state=state,
        new_outcomes=bytes(outcomes),
        new_provider_ref=provider_ref,
        new_tracking=worse(claim.tracking, tracking),
        new_note=note,
        new_failures=failures,
        new_deferred_since=(claim.deferred_since or clock.now()) if outcomes.any_deferred else None,
        new_not_before=clock.now() + pause if state == BatchState.READY and pause else None,
        new_pausing_answers=dict(pausing_answers or claim.pausing_answers) or None,
    )


def lease_seconds(transport: Transport) -> float:
    """Seconds of a lease: a request begins within LEASE, and the transport is then silent for a time at most."""
    return LEASE + transport.silence


def _run_fenced(session: Session, claim: Claim, statement: Update, **values: object) -> bool:
    """Run a statement that changes the batch only while this claim has it; whether it did."""
    values |= {"batch": claim.batch_id, "claimed_attempt": claim.attempt}
    return session.connection().execute(statement, values).rowcount == 1
