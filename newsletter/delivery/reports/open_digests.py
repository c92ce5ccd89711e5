"""The digests that are on their way, and what of them waits for somebody: for the desk's first page and its wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.delivery.ledger.models import Batch, BatchState, ClockTick
from newsletter.digests.models import Digest, DigestStatus, PausedReason

MOST = 200
"""Digests that are read; those with a batch in doubt first, then by their time."""
CLOCK_LATE_AFTER = timedelta(minutes=3)
"""A clock without a tick for this time is not running: it counts one each minute, whatever happens."""

_OPEN = (DigestStatus.SENDING, DigestStatus.SCHEDULED, DigestStatus.PAUSED)


@dataclass(frozen=True)
class OpenDigests:
    """The digests that are scheduled, being sent or paused; scheduled ones by their time."""

    sending: Sequence[Digest]
    scheduled: Sequence[Digest]
    paused: Sequence[Digest]
    in_doubt: Sequence[tuple[Digest, int]]
    """Digests with batches in doubt, and how many."""
    last_tick: datetime | None

    @property
    def overdue(self) -> list[Digest]:
        """Digests whose time passed while nothing was running."""
        return [digest for digest in self.paused if digest.paused_reason is PausedReason.OVERDUE]

    @property
    def batches_in_doubt(self) -> int:
        return sum(batches for _, batches in self.in_doubt)

    @property
    def is_clock_late(self) -> bool:
        """Whether something waits for a clock that is not running."""
        waits = self.sending or self.scheduled
        return bool(waits) and (self.last_tick is None or clock.now() - self.last_tick > CLOCK_LATE_AFTER)


def _statement() -> Select[Any]:
    doubted = (
        select(Batch.digest_id, func.count().label("batches"))
        .where(Batch.state == BatchState.IN_DOUBT)
        .group_by(Batch.digest_id)
        .subquery()
    )
    last_tick = select(func.max(ClockTick.ticked_at)).scalar_subquery()
    return (
        select(Digest, doubted.c.batches, last_tick)
        .outerjoin(doubted, doubted.c.digest_id == Digest.id)
        .where(or_(Digest.status.in_(_OPEN), doubted.c.batches.is_not(None)))
        .order_by(doubted.c.batches.is_(None), Digest.scheduled_at, Digest.id)
        .limit(MOST)
    )


_STATEMENT = _statement()
"""Made once: making it took as long as running it."""


def open_digests(session: Session) -> OpenDigests:
    """Read them, in one statement: every page of the desk does."""
    rows = session.execute(_STATEMENT).all()

    def of(status: DigestStatus) -> list[Digest]:
        return [digest for digest, _, _ in rows if digest.status is status]

    return OpenDigests(
        sending=of(DigestStatus.SENDING),
        scheduled=of(DigestStatus.SCHEDULED),
        paused=of(DigestStatus.PAUSED),
        in_doubt=[(digest, batches) for digest, batches, _ in rows if batches],
        last_tick=rows[0][2] if rows else None,
    )
