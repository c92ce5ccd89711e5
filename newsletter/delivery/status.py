"""Where a digest stands: every figure is a count of outcome bytes, so the parts always sum to the recipients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.models import Batch, BatchState
from newsletter.digests.composing import get
from newsletter.mail.outcomes import IN_DOUBT, NAMES, WAITING


@dataclass(frozen=True)
class DigestState:
    """recipients = accepted + refused + skipped + in_doubt + waiting + deferred + cancelled; 0 before the freeze."""

    id: int
    status: str
    paused_reason: str | None
    recipients: int
    accepted: int
    refused: int
    skipped: int
    in_doubt: int
    waiting: int
    deferred: int
    cancelled: int

    @property
    def open(self) -> int:
        """Recipients of whom something is still to come."""
        return self.waiting + self.deferred + self.in_doubt

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def status(session: Session, digest_id: int) -> DigestState:
    """The state of a digest, read in one snapshot. Raises NotFoundError."""
    digest = get(session, digest_id)
    counts = dict.fromkeys(NAMES, 0)
    recipients = 0
    for state, outcomes in session.execute(select(Batch.state, Batch.outcomes).where(Batch.digest_id == digest_id)):
        recipients += len(outcomes)
        for outcome in counts:
            counts[outcome] += outcomes.count(outcome)
        if state == BatchState.SENDING:
            # Marked ahead, in case that no answer is written down: while the worker lives they are waiting.
            ahead = outcomes.count(IN_DOUBT)
            counts[IN_DOUBT] -= ahead
            counts[WAITING] += ahead
    parts = {NAMES[outcome]: count for outcome, count in counts.items()}
    return DigestState(digest.id, digest.status, digest.paused_reason, recipients, **parts)
