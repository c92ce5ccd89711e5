"""The progress of the batches of a digest: the phase of each, and its readers by their outcomes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core.db import table_of
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
    count_outcomes,
)

_OPEN = (WAITING, DEFERRED, UNANSWERED, UNANSWERED_TWICE)


class BatchPhase(StrEnum):
    """The phase of a batch, as an editor sees it."""

    DONE = "done"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"


class BatchProgress(NamedTuple):
    """A batch; its readers are those who were not moved to another."""

    id: int
    edition_id: int
    phase: BatchPhase
    due_at: datetime | None
    not_before: datetime | None
    failures: int
    attempted_at: datetime | None
    note: str | None
    is_withdrawn: bool
    """Being withdrawn at SendGrid."""
    readers: int
    accepted: int
    open: int
    """Readers who wait, in the batch being sent too."""
    refused: int
    in_doubt: int
    skipped: int
    cancelled: int
    deferred: int


_PHASES = {
    BatchState.READY: BatchPhase.WAITING,
    BatchState.CLAIMED: BatchPhase.SENDING,
    BatchState.SENDING: BatchPhase.SENDING,
    BatchState.DONE: BatchPhase.DONE,
    BatchState.IN_DOUBT: BatchPhase.IN_DOUBT,
}


_TABLE = table_of(Batch).c
_COLUMNS = (
    *(_TABLE.id, _TABLE.edition_id, _TABLE.state, _TABLE.due_at, _TABLE.not_before, _TABLE.failures),
    *(_TABLE.attempted_at, _TABLE.note, _TABLE.withdrawing, _TABLE.outcomes),
)
"""Up to `is_withdrawn` those of BatchProgress in their order."""


def batches_in_order(
    session: Session, digest_id: int, *, after: int = 0, most: int | None = None
) -> list[BatchProgress]:
    """The batches of a digest in the order in which they are claimed: all, or at most `most` after the first `after`.
    One statement."""
    rows = session.execute(
        select(*_COLUMNS).where(_TABLE.digest_id == digest_id).order_by(_TABLE.id).offset(after or None).limit(most)
    )
    return [_batch(row) for row in rows]


def count_batches(session: Session, digest_id: int) -> int:
    """The number of a digest's batches."""
    return session.scalar(select(func.count()).where(Batch.digest_id == digest_id)) or 0


def waits_for_hour(batch: BatchProgress, now: datetime) -> bool:
    """Whether a batch waits for an hour that its readers chose."""
    return batch.due_at is not None and batch.due_at > now


def _batch(row: Any) -> BatchProgress:
    number, edition_id, state, *rest, outcomes = row
    found = BatchProgress(number, edition_id, _PHASES[state], *rest, *_figures(outcomes))
    if state == BatchState.SENDING:  # recorded as in doubt before the request, in case its answer gets lost
        return found._replace(in_doubt=0, open=found.open + found.in_doubt)
    return found


@lru_cache(maxsize=2000)
def _figures(outcomes: bytes) -> tuple[int, ...]:
    """The figures of a batch, from its readers on."""
    counts = count_outcomes(outcomes)
    named = (ACCEPTED, REFUSED, IN_DOUBT, SKIPPED, CANCELLED, DEFERRED)
    accepted, *others = (counts.get(outcome, 0) for outcome in named)
    open_ = sum(counts.get(outcome, 0) for outcome in _OPEN)
    return (len(outcomes) - counts.get(MOVED, 0), accepted, open_, *others)
