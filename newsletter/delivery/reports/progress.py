"""The progress of a digest that is being sent: its batches in order, its editions, what holds it up, and its rate.

Read in two statements, and of a bounded size: a million readers are a thousand batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.delivery.ledger.models import Batch, BatchState, Edition
from newsletter.mail.formats import Format
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

RATE_OVER = timedelta(minutes=2)
"""The rate is measured over the batches whose last attempt began within this time."""
_LEAST_TIME = 3.0
"""Seconds of sending before there is a rate."""
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


@dataclass(frozen=True)
class EditionProgress:
    """An edition with the sums of its batches."""

    mask: int
    language: str
    format: Format
    batches: int
    readers: int
    accepted: int
    open: int

    @property
    def other(self) -> int:
        """Readers who are neither accepted nor waiting."""
        return self.readers - self.accepted - self.open


class Pause(NamedTuple):
    """The provider took nothing, and is tried again at a time; `note` is the last answer."""

    until: datetime
    note: str


class HourAhead(NamedTuple):
    """The next hour that readers chose, and how many of them."""

    at: datetime
    readers: int


@dataclass(frozen=True)
class SendingProgress:
    """The batches of a digest in the order in which they are claimed, and what is made of them."""

    batches: Sequence[BatchProgress]
    editions: Sequence[EditionProgress]
    """Those with the most readers first."""
    rate: float | None
    """Readers a second, lately; None while too little is known."""
    pause: Pause | None
    """Set while every batch that could be sent waits for the provider."""
    next_hour: HourAhead | None
    deferred_until: datetime | None
    """The next try for readers whose mailbox asked to come back later."""

    @property
    def readers(self) -> int:
        return sum(batch.readers for batch in self.batches)

    @property
    def accepted(self) -> int:
        return sum(batch.accepted for batch in self.batches)

    @property
    def open_now(self) -> int:
        """Readers who wait for nothing but their batch's attempt."""
        now = clock.now()
        return sum(batch.open for batch in self.batches if not _waits_for_hour(batch, now))

    @property
    def doubts(self) -> list[BatchProgress]:
        """The batches in doubt."""
        return [batch for batch in self.batches if batch.phase is BatchPhase.IN_DOUBT]

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has a batch."""
        return any(batch.phase is BatchPhase.SENDING for batch in self.batches)

    @property
    def remaining_seconds(self) -> float | None:
        """By the rate, for those who wait for no hour; None without a rate."""
        return self.open_now / self.rate if self.rate and self.open_now else None


def sending_progress(session: Session, digest_id: int) -> SendingProgress:
    """The progress of a digest; empty before its freeze."""
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
    now = clock.now()
    batches = [_batch(row) for row in rows]
    pending = [batch for batch in batches if batch.open and not _waits_for_hour(batch, now)]
    return SendingProgress(
        batches=batches,
        editions=_editions(session, digest_id, batches),
        rate=_rate(batches, now),
        pause=_pause(pending, now),
        next_hour=_next_hour(batches, now),
        deferred_until=min(
            (each.not_before for each in batches if each.deferred and each.not_before is not None), default=None
        ),
    )


_PHASES = {
    BatchState.READY: BatchPhase.WAITING,
    BatchState.CLAIMED: BatchPhase.SENDING,
    BatchState.SENDING: BatchPhase.SENDING,
    BatchState.DONE: BatchPhase.DONE,
    BatchState.IN_DOUBT: BatchPhase.IN_DOUBT,
}


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


def _waits_for_hour(batch: BatchProgress, now: datetime) -> bool:
    return batch.due_at is not None and batch.due_at > now


def _editions(session: Session, digest_id: int, batches: Iterable[BatchProgress]) -> list[EditionProgress]:
    by_edition: dict[int, list[BatchProgress]] = {}
    for batch in batches:
        by_edition.setdefault(batch.edition_id, []).append(batch)
    if not by_edition:
        return []
    rows = session.execute(
        select(Edition.id, Edition.mask, Edition.language, Edition.format).where(Edition.digest_id == digest_id)
    )
    editions = [
        EditionProgress(
            mask,
            language,
            format_,
            batches=len(own),
            readers=sum(batch.readers for batch in own),
            accepted=sum(batch.accepted for batch in own),
            open=sum(batch.open for batch in own),
        )
        for number, mask, language, format_ in rows
        if (own := by_edition.get(number))
    ]
    return sorted(editions, key=lambda each: (each.mask == 0, -each.readers, -each.mask, each.language, each.format))


def _rate(batches: Iterable[BatchProgress], now: datetime) -> float | None:
    recent = [each for each in batches if each.attempted_at is not None and each.attempted_at > now - RATE_OVER]
    began = min((each.attempted_at for each in recent if each.attempted_at is not None), default=now)
    seconds = (now - began).total_seconds()
    finished = sum(each.readers - each.open - each.skipped - each.in_doubt for each in recent)
    return finished / seconds if seconds >= _LEAST_TIME and finished else None


def _pause(pending: Sequence[BatchProgress], now: datetime) -> Pause | None:
    waits = [each for each in pending if each.failures and each.not_before is not None and each.not_before > now]
    if not waits or len(waits) < len(pending):
        return None
    first = min(waits, key=lambda each: each.not_before or now)
    assert first.not_before is not None
    return Pause(first.not_before, first.note or "")


def _next_hour(batches: Iterable[BatchProgress], now: datetime) -> HourAhead | None:
    ahead = [each for each in batches if each.due_at is not None and each.due_at > now and each.open]
    at = min((each.due_at for each in ahead if each.due_at is not None), default=None)
    return None if at is None else HourAhead(at, sum(each.open for each in ahead if each.due_at == at))
