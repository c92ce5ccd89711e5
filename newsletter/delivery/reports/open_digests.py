"""The digests that are on their way, and what of them waits for somebody: for the desk's first page and its wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.delivery.ledger.models import Batch, BatchState, ClockTick
from newsletter.digests.models import Digest, DigestStatus, PausedReason

MOST = 50
"""Of each kind."""
CLOCK_LATE_AFTER = timedelta(minutes=3)
"""A clock that counts no tick for so long is not running: it counts one each minute, whatever happens."""


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


def open_digests(session: Session) -> OpenDigests:
    """Read them, in three statements."""
    statuses = (DigestStatus.SENDING, DigestStatus.SCHEDULED, DigestStatus.PAUSED)
    query = select(Digest).where(Digest.status.in_(statuses)).order_by(Digest.scheduled_at, Digest.id).limit(3 * MOST)
    found = session.scalars(query).all()
    doubted = (
        select(Batch.digest_id, func.count().label("batches"))
        .where(Batch.state == BatchState.IN_DOUBT)
        .group_by(Batch.digest_id)
        .subquery()
    )
    doubts = session.execute(
        select(Digest, doubted.c.batches)
        .join(doubted, doubted.c.digest_id == Digest.id)
        .order_by(Digest.id)
        .limit(MOST)
    )
    return OpenDigests(
        sending=[each for each in found if each.status is DigestStatus.SENDING],
        scheduled=[each for each in found if each.status is DigestStatus.SCHEDULED],
        paused=[each for each in found if each.status is DigestStatus.PAUSED],
        in_doubt=[(digest, batches) for digest, batches in doubts],
        last_tick=session.scalar(select(func.max(ClockTick.ticked_at))),
    )
