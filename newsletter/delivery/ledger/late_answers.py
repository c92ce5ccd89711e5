"""Answers that come after the clock took the batch back.

They are fenced by the attempt alone: while nobody else has claimed the batch, an answer to its last attempt is the
truth about it, and ends a doubt.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.lifecycle import RECORD_LATE, change_batch
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.ledger.splitting import split_open
from newsletter.mail.tracking import Tracking, worse


def record_late(
    session: Session,
    claim: Claim,
    outcomes: Outcomes,
    *,
    provider_ref: str | None,
    tracking: Tracking | None,
    provider_batch_id: str | None,
) -> bool:
    """Record the outcomes of a claim that is over; False when another worker has claimed the batch since, or when the
    request was withdrawn (`provider_batch_id` is its name in the provider's schedule).

    Recipients who were moved to another batch were not in the request, and are passed over.
    """
    batch = session.scalar(
        select(Batch)
        .where(Batch.id == claim.batch_id, Batch.attempt == claim.attempt, ~Batch.withdrawing)
        .where(func.coalesce(Batch.provider_batch_id, "") == (provider_batch_id or ""))
        .where(RECORD_LATE.is_allowed(Batch.state))
        .options(undefer(Batch.recipients))
        .with_for_update()
    )
    if batch is None:
        return False
    ids, known = packing.unpack_ids(batch.recipients), Outcomes(batch.outcomes)
    for subscriber_id, code in zip(claim.ids, bytes(outcomes), strict=True):
        position = packing.position_of(ids, subscriber_id)
        if position is not None:
            known.learn(position, code)
    note = batch.note if known.any_in_doubt else None
    changed = change_batch(
        session,
        batch,
        RECORD_LATE,
        known,
        note=note,
        provider_ref=provider_ref or batch.provider_ref,
        tracking=worse(claim.tracking, tracking),
    )
    split_open(session, claim.batch_id)
    return changed
