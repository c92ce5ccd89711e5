"""Splitting a batch in doubt: a doubt about some recipients does not hold up the others."""

from __future__ import annotations

from array import array

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from newsletter.core.ids import BatchId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.lifecycle import SPLIT, change_batch
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.outcome_bytes import Outcomes

_SAME = ("digest_id", "edition_id", "due_at", "not_before", "failures", "deferred_since", "pausing_answers")
"""The columns that the new batch has from the old one."""


def split_open(session: Session, batch_id: BatchId) -> None:
    """Leave the open recipients of a batch in doubt to a new batch. Does nothing to a batch without such ones.

    The doubt keeps number, attempt and positions, by which events name them.
    """
    batch = session.scalar(
        select(Batch)
        .where(Batch.id == batch_id, SPLIT.is_allowed(Batch.state), ~Batch.withdrawing)
        .options(undefer(Batch.recipients))
        .execution_options(populate_existing=True)
    )
    if batch is None:
        return
    codes, outcomes = batch.outcomes, Outcomes(batch.outcomes)
    positions = outcomes.move_open()
    if not positions:
        return
    ids = packing.unpack_ids(batch.recipients)
    moved = array("q", (ids[position] for position in positions))
    same = {name: getattr(batch, name) for name in _SAME}
    if not change_batch(session, batch, SPLIT, outcomes, not_before=None, deferred_since=None):
        return
    session.add(
        Batch(
            **same,
            first_id=moved[0],
            last_id=moved[-1],
            recipients=packing.pack_ids(moved),
            outcomes=bytes(codes[position] for position in positions),
        )
    )
    session.flush()
