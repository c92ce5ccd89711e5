"""The progress of a digest that is being sent: its batches in order, its editions, what holds it up, and its rate.

Read in two statements, and of a bounded size: a million readers are a thousand batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.delivery.ledger.models import Edition
from newsletter.delivery.reports.batch_progress import BatchPhase, BatchProgress, batches_in_order, waits_for_hour
from newsletter.mail.formats import Format

RATE_OVER = timedelta(minutes=2)
"""The rate is measured over the batches whose last attempt began within this time."""
_LEAST_TIME = 3.0
"""Seconds of sending before there is a rate."""


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
        return sum(batch.open for batch in self.batches if not waits_for_hour(batch, now))

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
    now = clock.now()
    batches = batches_in_order(session, digest_id)
    pending = [batch for batch in batches if batch.open and not waits_for_hour(batch, now)]
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
