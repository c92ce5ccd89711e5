"""Proofs that a provider took a batch, and the doubts that they settle.

An event may come while the provider's own answer is still awaited: SendGrid can take a batch, report deliveries, and
never answer. So a proof is kept until its batch is done, and settles a doubt whenever that arises.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.delivery.events.models import AcceptanceProof
from newsletter.delivery.events.vocabulary import Acceptance
from newsletter.delivery.ledger import resolving
from newsletter.delivery.ledger.models import Batch, BatchState, RenderedDigestRow, digest_key

log = logging.getLogger(__name__)


def keep_proofs(session: Session, proofs: Collection[Acceptance]) -> None:
    """Keep those that can still settle something. A proof that an editor's decision was wrong is kept with the batch:
    the digest's report says it.
    """
    ids = {proof.batch for proof in proofs}
    rows = session.execute(
        select(Batch.id, Batch.state, Batch.attempt, Batch.resent_attempt, RenderedDigestRow.id_salt)
        .join(RenderedDigestRow, RenderedDigestRow.digest_id == Batch.digest_id)
        .where(Batch.id.in_(ids))
        .order_by(Batch.id)
    )
    early, twice = [], []
    for batch, state, attempt, resent_attempt, id_salt in rows:
        letter = digest_key(id_salt)
        if state != BatchState.DONE and Acceptance(batch, attempt, letter) in proofs:
            early.append({"batch_id": batch, "attempt": attempt})
        if resent_attempt is not None and Acceptance(batch, resent_attempt, letter) in proofs:
            log.warning("batch %d was taken after all, though it was settled as not taken: twice mailed", batch)
            twice.append(batch)
    if twice:
        resolving.record_mailed_twice(session, twice)
    if early:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(AcceptanceProof).on_conflict_do_nothing(), early)


def resolve_proven(session: Session) -> list[int]:
    """Settle the batches in doubt whose attempt is proved to have been taken; their numbers."""
    batches = session.scalars(
        select(Batch)
        .join(AcceptanceProof, and_(AcceptanceProof.batch_id == Batch.id, AcceptanceProof.attempt == Batch.attempt))
        .where(Batch.state == BatchState.IN_DOUBT, ~Batch.withdrawing)
        .order_by(Batch.id)
        .with_for_update(of=Batch)
    ).all()
    for batch in batches:
        resolving.resolve_batch(session, batch, was_sent=True)
        log.info("batch %d was in doubt and is accepted: its events show it", batch.id)
    session.flush()
    over = select(Batch.id).where(
        Batch.id == AcceptanceProof.batch_id,
        or_(Batch.state == BatchState.DONE, Batch.attempt > AcceptanceProof.attempt),
    )
    session.execute(delete(AcceptanceProof).where(over.exists()).execution_options(synchronize_session=False))
    return [batch.id for batch in batches]
