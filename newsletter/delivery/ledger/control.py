"""Stopping and going on: what an editor, or an error, does to a digest that is being sent."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import ConflictError
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import CANCELLED, DEFERRED, WAITING


def is_sending(session: Session, digest_id: int) -> bool:
    """Whether the digest is still being sent."""
    return session.scalar(select(Digest.status).where(Digest.id == digest_id)) == DigestStatus.SENDING


def pause_digest(session: Session, digest_id: int) -> Digest:
    """Stop sending within a second or one provider request. Raises ConflictError unless it is being sent."""
    return _move(session, digest_id, DigestStatus.SENDING, DigestStatus.PAUSED, PausedReason.EDITOR)


def pause_for_error(session: Session, digest_id: int, note: str) -> None:
    """Stop because the provider refuses everything: nobody is marked, and `note` says to an editor what to do."""
    session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status.in_([DigestStatus.SENDING, DigestStatus.SCHEDULED]))
        .values(status=DigestStatus.PAUSED, paused_reason=PausedReason.ERROR, paused_note=note)
    )


def resume_digest(session: Session, digest_id: int) -> Digest:
    """Go on sending; what was not frozen yet because it was overdue is sent now. Raises ConflictError unless paused."""
    digest = get_digest(session, digest_id)
    if digest.frozen_at is not None:
        return _move(session, digest_id, DigestStatus.PAUSED, DigestStatus.SENDING, None)
    digest = _move(session, digest_id, DigestStatus.PAUSED, DigestStatus.SCHEDULED, None)
    digest.scheduled_at = max(digest.scheduled_at or clock.now(), clock.now())
    return digest


def cancel_digest(session: Session, digest_id: int) -> Digest:
    """End a digest for good: who was not sent to yet counts as cancelled. Batches at work end by themselves first.

    Raises ConflictError when it is sent already.
    """
    digest = get_digest(session, digest_id)
    taken = session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status.not_in([DigestStatus.SENT, DigestStatus.CANCELLED]))
        .values(status=DigestStatus.CANCELLED, paused_reason=None, paused_note=None)
        .returning(Digest.id)
    ).one_or_none()
    if taken is None:
        raise ConflictError(f"Digest {digest_id} is {digest.status}, and cannot be cancelled.")
    cancel_waiting(session)
    session.refresh(digest)
    return digest


def cancel_waiting(session: Session) -> None:
    """Mark who still waits in ready batches of cancelled digests (a batch comes back ready when its worker stops)."""
    waiting = (
        select(Batch)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Digest.status == DigestStatus.CANCELLED, Batch.state == BatchState.READY)
        .with_for_update(of=Batch)
    )
    for batch in session.scalars(waiting):
        for outcome in (WAITING, DEFERRED):
            batch.outcomes = batch.outcomes.replace(bytes([outcome]), bytes([CANCELLED]))
        batch.state = BatchState.DONE


def _move(
    session: Session, digest_id: int, before: DigestStatus, after: DigestStatus, reason: PausedReason | None
) -> Digest:
    digest = get_digest(session, digest_id)
    moved = session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status == before)
        .values(status=after, paused_reason=reason, paused_note=None)
        .returning(Digest.id)
    ).one_or_none()
    if moved is None:
        raise ConflictError(f"Digest {digest_id} is {digest.status}, not {before}.")
    session.refresh(digest)
    return digest
