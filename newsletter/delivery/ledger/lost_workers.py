"""Batches of workers that are known to be dead: their own host says so, and what they had reached."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.ids import BatchId
from newsletter.delivery.ledger.lifecycle import FINISH, RECORD_LATE, change_batch
from newsletter.delivery.ledger.models import Batch, BatchState, RenderedDigestRow, digest_key
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.ledger.splitting import split_open


def record_progress(session: Session, batch_id: BatchId, key: str, attempt: int, answers: Mapping[int, int]) -> bool:
    """Record these answers, outcomes by position, and free the batch; False when another worker has claimed it since.

    `key` is the `digest_key` of its digest: numbers alone return in a database that is new or restored.
    """
    batch = session.scalar(
        select(Batch).where(Batch.id == batch_id, Batch.attempt == attempt, ~Batch.withdrawing).with_for_update()
    )
    if batch is None or not _is_of(session, batch, key):
        return False
    outcomes = Outcomes(batch.outcomes)
    for position, code in answers.items():
        if position < len(outcomes):
            outcomes.learn(position, code)
    transition = FINISH if batch.state == BatchState.SENDING else RECORD_LATE
    note = batch.note if outcomes.any_in_doubt else None
    changed = change_batch(session, batch, transition, outcomes, lease_until=None, note=note)
    split_open(session, batch_id)
    return changed


def state_of(session: Session, batch_id: BatchId, key: str) -> BatchState | None:
    """The state of a batch; None when this database does not know it."""
    batch = session.get(Batch, batch_id)
    return batch.state if batch is not None and _is_of(session, batch, key) else None


def _is_of(session: Session, batch: Batch, key: str) -> bool:
    salts = session.scalars(select(RenderedDigestRow.id_salt).where(RenderedDigestRow.digest_id == batch.digest_id))
    return any(digest_key(salt) == key for salt in salts)
