"""Resolving a batch in doubt: an editor, or a provider's event, decides whether it was sent."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core.errors import ConflictError
from newsletter.core.ids import BatchId, DigestId
from newsletter.delivery.ledger.lifecycle import RESOLVE, change_batch
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests.queries import get_digest


def batches_in_doubt(session: Session, digest_id: int) -> list[Batch]:
    """The batches of a digest that are in doubt, oldest first."""
    query = select(Batch).where(Batch.digest_id == digest_id, Batch.state == BatchState.IN_DOUBT).order_by(Batch.id)
    return list(session.scalars(query))


def lock_batch_in_doubt(session: Session, batch_id: int) -> Batch | None:
    """The batch, locked until the transaction ends; None when it is not in doubt (any more)."""
    query = select(Batch).where(Batch.id == batch_id, Batch.state == BatchState.IN_DOUBT).with_for_update()
    return session.scalar(query)


def resolve_batch(session: Session, batch: Batch, *, was_sent: bool) -> bool:
    """Count the recipients in doubt as accepted, or have them wait again. False when somebody else resolved it.

    A batch that is sent again remembers its attempt: an event that proves the contrary becomes a note.
    """
    outcomes = Outcomes(batch.outcomes)
    outcomes.resolve(was_sent=was_sent)
    resent = {} if was_sent else {"provider_batch_id": None, "resent_attempt": batch.attempt}
    return change_batch(session, batch, RESOLVE, outcomes, note=None, **resent)


def resolve_by_editor(session: Session, digest_id: DigestId, batch_id: BatchId, *, was_sent: bool) -> Batch:
    """Resolve as an editor decides. Raises ConflictError unless that batch of that digest is in doubt."""
    get_digest(session, digest_id)
    batch = lock_batch_in_doubt(session, batch_id)
    if batch is not None and batch.withdrawing:
        raise ConflictError(
            "batch.withdrawing",
            "Batch %(batch)s is being withdrawn at SendGrid; the answer comes within a minute.",
            batch=batch_id,
        )
    if batch is None or batch.digest_id != digest_id:
        raise ConflictError(
            "batch.not_in_doubt",
            "Batch %(batch)s of digest %(digest)s is not in doubt.",
            batch=batch_id,
            digest=digest_id,
        )
    resolve_batch(session, batch, was_sent=was_sent)
    return batch


def record_mailed_twice(session: Session, batch_ids: Collection[int]) -> None:
    """Keep that events proved the resolution of these batches wrong: their recipients were mailed twice."""
    session.execute(
        update(Batch)
        .where(Batch.id.in_(batch_ids))
        .values(mailed_twice=True)
        .execution_options(synchronize_session=False)
    )
