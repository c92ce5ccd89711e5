"""Cancelling a digest: its recipients who wait count as cancelled."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.actors import Actor
from newsletter.delivery.ledger.lifecycle import CANCEL, change_batch
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests import lifecycle as digest_lifecycle
from newsletter.digests.models import Digest, DigestStatus


def cancel_digest(session: Session, digest_id: int, *, by: Actor) -> Digest:
    """End a digest for good. Raises ConflictError when it was sent or cancelled before."""
    digest = digest_lifecycle.cancel(session, digest_id, by=by)
    cancel_waiting(session)
    return digest


def cancel_waiting(session: Session) -> None:
    """Cancel the open recipients of cancelled digests.

    A batch that a worker has is left alone: it becomes ready when the worker stops, and the clock calls this again.
    """
    ready = (
        select(Batch)
        .join(Digest, Digest.id == Batch.digest_id)
        .where(Digest.status == DigestStatus.CANCELLED, CANCEL.is_allowed(Batch.state))
        .with_for_update(of=Batch, skip_locked=True)
    )
    for batch in session.scalars(ready).all():
        outcomes = Outcomes(batch.outcomes)
        outcomes.cancel_open()
        change_batch(session, batch, CANCEL, outcomes)
