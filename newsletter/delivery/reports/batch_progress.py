"""The progress of the batches of a digest: the phase of each, and its readers by their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.mail.outcomes import (
    ACCEPTED,
    CANCELLED,
    DEFERRED,
    IN_DOUBT,
    MOVED,
    REFUSED,
    SKIPPED,
    UNANSWERED,
    UNANSWERED_TWICE,
    WAITING,
)

_OPEN = (WAITING, DEFERRED, UNANSWERED, UNANSWERED_TWICE)


class BatchPhase(StrEnum):
    """The phase of a batch, as an editor sees it."""

    DONE = "done"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"


@dataclass(frozen=True)
class BatchProgress:
    """A batch; its readers are those who were not moved to another."""

    id: int
    edition_id: int
    phase: BatchPhase
    readers: int
    accepted: int
    open: int
    """Readers who wait, in the batch being sent too."""
    refused: int
    in_doubt: int
    skipped: int
    cancelled: int
    deferred: int
    due_at: datetime | None
    not_before: datetime | None
    failures: int
    attempted_at: datetime | None
    note: str | None
    is_withdrawn: bool
    """Being withdrawn at SendGrid."""


_PHASES = {
    BatchState.READY: BatchPhase.WAITING,
    BatchState.CLAIMED: BatchPhase.SENDING,
    BatchState.SENDING: BatchPhase.SENDING,
    BatchState.DONE: BatchPhase.DONE,
    BatchState.IN_DOUBT: BatchPhase.IN_DOUBT,
}


def batches_in_order(session: Session, digest_id: int) -> list[BatchProgress]:
    """The batches of a digest in the order in which they are claimed. One statement."""
    rows = session.execute(
        select(
            Batch.id,
            Batch.edition_id,
            Batch.state,
            Batch.due_at,
            Batch.not_before,
            Batch.failures,
            Batch.attempted_at,
            Batch.note,
            Batch.withdrawing,
            Batch.outcomes,
        )
        .where(Batch.digest_id == digest_id)
        .order_by(Batch.id)
    )
    return [_batch(row) for row in rows]


def waits_for_hour(batch: BatchProgress, now: datetime) -> bool:
    """Whether a batch waits for an hour that its readers chose."""
    return batch.due_at is not None and batch.due_at > now


def _batch(row: Any) -> BatchProgress:
    outcomes: bytes = row.outcomes
    in_doubt, waiting = outcomes.count(IN_DOUBT), sum(outcomes.count(code) for code in _OPEN)
    if row.state == BatchState.SENDING:  # recorded as in doubt before the request, in case its answer gets lost
        in_doubt, waiting = 0, waiting + in_doubt
    return BatchProgress(
        id=row.id,
        edition_id=row.edition_id,
        phase=_PHASES[row.state],
        readers=len(outcomes) - outcomes.count(MOVED),
        accepted=outcomes.count(ACCEPTED),
        open=waiting,
        refused=outcomes.count(REFUSED),
        in_doubt=in_doubt,
        skipped=outcomes.count(SKIPPED),
        cancelled=outcomes.count(CANCELLED),
        deferred=outcomes.count(DEFERRED),
        due_at=row.due_at,
        not_before=row.not_before,
        failures=row.failures,
        attempted_at=row.attempted_at,
        note=row.note,
        is_withdrawn=row.withdrawing,
    )
