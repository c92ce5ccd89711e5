"""The state of a digest in figures. Each is a count of outcome bytes, so the parts always sum to the recipients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import IN_DOUBT, MOVED, OUTCOME_NAMES, WAITING


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
    counts = dict.fromkeys(OUTCOME_NAMES, 0)
    recipients = until_hour = 0
    last_hour, now = None, clock.now()
    batches = select(Batch.state, Batch.due_at, Batch.outcomes).where(Batch.digest_id == digest_id)
    for state, due_at, outcomes in session.execute(batches):
        recipients += len(outcomes) - outcomes.count(MOVED)
        if due_at is not None and due_at > now and (waiting := outcomes.count(WAITING)):
            until_hour += waiting
            last_hour = max(last_hour or due_at, due_at)
        for outcome in counts:
            counts[outcome] += outcomes.count(outcome)
        if state == BatchState.SENDING:
            # Recorded as in doubt before the request, in case its answer gets lost: until then they are waiting.
            in_flight = outcomes.count(IN_DOUBT)
            counts[IN_DOUBT] -= in_flight
            counts[WAITING] += in_flight
    parts = dict.fromkeys(OUTCOME_NAMES.values(), 0)
    for outcome, count in counts.items():
        parts[OUTCOME_NAMES[outcome]] += count
    return DigestFigures(id=digest_id, recipients=recipients, **parts, until_hour=until_hour, last_hour=last_hour)
