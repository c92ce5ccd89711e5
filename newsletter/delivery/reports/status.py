"""The state of a digest in figures. Each is a count of outcome bytes, so the parts always sum to the recipients."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import table_of
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import IN_DOUBT, MOVED, OUTCOME_NAMES, WAITING, count_outcomes


@dataclass(frozen=True, kw_only=True)
class DigestFigures:
    """recipients = accepted + refused + skipped + in_doubt + waiting + unanswered + deferred + cancelled; 0 before the
    freeze."""

    id: int
    recipients: int
    accepted: int
    refused: int
    skipped: int
    in_doubt: int
    waiting: int
    unanswered: int
    """Their message got no answer, and is sent again after the others."""
    deferred: int
    cancelled: int
    until_hour: int
    """Of those waiting: recipients whose chosen hour is still to come."""
    last_hour: datetime | None
    """When the last of these hours comes."""


@dataclass(frozen=True, kw_only=True)
class DigestState(DigestFigures):
    """Where a digest stands, and its figures."""

    status: str
    paused_reason: str | None

    @property
    def open(self) -> int:
        """Recipients whose outcome is not final yet."""
        return self.waiting + self.unanswered + self.deferred + self.in_doubt


def digest_status(session: Session, digest_id: int) -> DigestState:
    """The state of a digest, read in one snapshot. Raises NotFoundError."""
    digest = get_digest(session, digest_id)
    figures = digest_figures(session, digest_id)
    return DigestState(**asdict(figures), status=digest.status, paused_reason=digest.paused_reason)


def digest_figures(session: Session, digest_id: int) -> DigestFigures:
    """The recipients of a digest, counted by their outcomes."""
    now, table = clock.now(), table_of(Batch).c
    batches = session.execute(
        select(table.state, table.due_at, table.outcomes).where(table.digest_id == digest_id)
    ).all()
    counts = dict.fromkeys(OUTCOME_NAMES, 0)
    for (state, outcomes), times in Counter((state, outcomes) for state, _, outcomes in batches).items():
        for outcome, count in count_outcomes(outcomes).items():
            if outcome == MOVED:
                continue
            # Recorded as in doubt before the request, in case its answer gets lost: until then they are waiting.
            is_open = state == BatchState.SENDING and outcome == IN_DOUBT
            counts[WAITING if is_open else outcome] += count * times
    ahead = [
        (due_at, outcomes.count(WAITING)) for _, due_at, outcomes in batches if due_at is not None and due_at > now
    ]
    parts = dict.fromkeys(OUTCOME_NAMES.values(), 0)
    for outcome, count in counts.items():
        parts[OUTCOME_NAMES[outcome]] += count
    return DigestFigures(
        id=digest_id,
        recipients=sum(counts.values()),
        **parts,
        until_hour=sum(waiting for _, waiting in ahead),
        last_hour=max((due_at for due_at, waiting in ahead if waiting), default=None),
    )
