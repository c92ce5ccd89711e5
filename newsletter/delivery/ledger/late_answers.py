"""Answers that come after the clock took the batch back.

They are fenced by the attempt alone: while nobody else has claimed the batch, an answer to its last attempt is the
truth about it, and ends a doubt.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from newsletter.core.ids import BatchId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.lifecycle import RECORD_LATE, change_batch
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.ledger.splitting import split_open


def record_late(session: Session, claim: Claim, outcomes: Outcomes, *, provider_ref: str | None) -> bool:
    """Record the outcomes of a claim that is over; False when another worker has claimed the batch since."""
    answers = zip(claim.ids, bytes(outcomes), strict=True)
    return record_answers(session, claim.batch_id, claim.attempt, answers, provider_ref=provider_ref)


def record_answers(
    session: Session,
    batch_id: BatchId,
    attempt: int,
    answers: Iterable[tuple[int, int]],
    *,
    provider_ref: str | None = None,
) -> bool:
    """Record `answers`, outcomes by subscriber, to an attempt that is the batch's last one; whether it is.

    Recipients who were moved to another batch were not in the request, and are passed over.
    """
    batch = session.scalar(
        select(Batch)
        .where(Batch.id == batch_id, Batch.attempt == attempt, ~Batch.withdrawing)
        .where(RECORD_LATE.is_allowed(Batch.state))
        .options(undefer(Batch.recipients))
        .with_for_update()
    )
    if batch is None:
        return False
    ids, outcomes = packing.unpack_ids(batch.recipients), Outcomes(batch.outcomes)
    for subscriber_id, code in answers:
        position = packing.position_of(ids, subscriber_id)
        if position is not None:
            outcomes.learn(position, code)
    note = batch.note if outcomes.any_in_doubt else None
    changed = change_batch(
        session, batch, RECORD_LATE, outcomes, note=note, provider_ref=provider_ref or batch.provider_ref
    )
    split_open(session, batch_id)
    return changed
