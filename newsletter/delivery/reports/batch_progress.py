"""The progress of the batches of a digest: the phase of each, and its readers by their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import func, select
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


def batches_in_order(
    session: Session, digest_id: int, *, after: int = 0, most: int | None = None
) -> list[BatchProgress]:
    """The batches of a digest in the order in which they are claimed: all, or at most `most` after the first `after`.
    One statement."""
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
        .offset(after or None)
        .limit(most)
    )
    return [_batch(row) for row in rows]


def count_batches(session: Session, digest_id: int) -> int:
    """The number of a digest's batches."""
    return session.scalar(select(func.count()).where(Batch.digest_id == digest_id)) or 0


def waits_for_hour(batch: BatchProgress, now: datetime) -> bool:
    """Whether a batch waits for an hour that its readers chose."""
    return batch.due_at is not None and batch.due_at > now


def _batch(row: Any) -> BatchProgress:
    number, edition_id, state, due_at, not_before, failures, attempted_at, note, withdrawing, outcomes = row
    counts = _count(outcomes)
    if state == BatchState.SENDING:  # recorded as in doubt before the request, in case its answer gets lost
        counts = counts._replace(in_doubt=0, open=counts.open + counts.in_doubt)
    return BatchProgress(
        id=number,
        edition_id=edition_id,
        phase=_PHASES[state],
        due_at=due_at,
        not_before=not_before,
        failures=failures,
        attempted_at=attempted_at,
        note=note,
        is_withdrawn=withdrawing,
        **counts._asdict(),
    )


class _Counts(NamedTuple):
    readers: int
    accepted: int
    open: int
    refused: int
    in_doubt: int
    skipped: int
    cancelled: int
    deferred: int


@lru_cache(maxsize=2000)
def _count(outcomes: bytes) -> _Counts:
    """Count the outcomes of a batch. Cached: most batches are all accepted or all waiting, or were counted before."""
    return _Counts(
        readers=len(outcomes) - outcomes.count(MOVED),
        accepted=outcomes.count(ACCEPTED),
        open=sum(outcomes.count(code) for code in _OPEN),
        refused=outcomes.count(REFUSED),
        in_doubt=outcomes.count(IN_DOUBT),
        skipped=outcomes.count(SKIPPED),
        cancelled=outcomes.count(CANCELLED),
        deferred=outcomes.count(DEFERRED),
    )
