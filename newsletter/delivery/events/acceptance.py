"""Proofs that a provider accepted a batch, and the batches in doubt that they resolve.

An event may come while the provider's own answer is still awaited: SendGrid can accept a batch, report deliveries, and
never answer. So a proof is kept until its batch is done, and resolves a doubt whenever that arises.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from newsletter.core.db import insert_ignoring, log_after_commit
from newsletter.core.ids import BatchId
from newsletter.delivery.events.event_kinds import Acceptance
from newsletter.delivery.events.models import AcceptanceProof
from newsletter.delivery.ledger import resolving
from newsletter.delivery.ledger.models import Batch, BatchState, RenderedDigestRow, digest_key

log = logging.getLogger(__name__)


def store_proofs(session: Session, proofs: Collection[Acceptance]) -> None:
    """Store the proofs that can still resolve a doubt.

    A proof can also show that an editor was wrong to have a batch sent again. The batch keeps that for the report.
    """
    rows = session.execute(
        select(Batch.id, Batch.state, Batch.attempt, Batch.resent_attempt, RenderedDigestRow.id_salt)
        .join(RenderedDigestRow, RenderedDigestRow.digest_id == Batch.digest_id)
        .where(Batch.id.in_({proof.batch_id for proof in proofs}))
        .order_by(Batch.id)
    )
    early, mailed_twice = [], []
    for number, state, attempt, resent_attempt, id_salt in rows:
        batch_id, key = BatchId(number), digest_key(id_salt)
        if state != BatchState.DONE and Acceptance(batch_id, attempt, key) in proofs:
            early.append({"batch_id": batch_id, "attempt": attempt})
        if resent_attempt is not None and Acceptance(batch_id, resent_attempt, key) in proofs:
            log_after_commit(session, log).warning(
                "batch %d was mailed twice: an editor had it sent again, and it had been accepted", batch_id
            )
            mailed_twice.append(batch_id)
    if mailed_twice:
        resolving.record_mailed_twice(session, mailed_twice)
    insert_ignoring(session, AcceptanceProof, early)


def resolve_proven(session: Session) -> list[int]:
    """Resolve the batches in doubt whose attempt is proved to be accepted; their numbers."""
    batches = session.scalars(
        select(Batch)
        .join(AcceptanceProof, and_(AcceptanceProof.batch_id == Batch.id, AcceptanceProof.attempt == Batch.attempt))
        .where(Batch.state == BatchState.IN_DOUBT, ~Batch.withdrawing)
        .order_by(Batch.id)
        .with_for_update(of=Batch)
    ).all()
    for batch in batches:
        resolving.resolve_batch(session, batch, was_sent=True)
        log_after_commit(session, log).info("batch %d was in doubt and is accepted: its events prove it", batch.id)
    session.flush()
    _delete_spent_proofs(session)
    return [batch.id for batch in batches]


def _delete_spent_proofs(session: Session) -> None:
    spent = select(Batch.id).where(
        Batch.id == AcceptanceProof.batch_id,
        or_(Batch.state == BatchState.DONE, Batch.attempt > AcceptanceProof.attempt),
    )
    session.execute(delete(AcceptanceProof).where(spent.exists()).execution_options(synchronize_session=False))
