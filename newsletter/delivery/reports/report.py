"""The report of a digest: what became of its mails, as far as it is known. Opens and clicks are not tracked."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.ledger.packing import position_of
from newsletter.delivery.ledger.reason_groups import group_key, wording
from newsletter.delivery.reports.causes import Cause, find_cause
from newsletter.delivery.reports.status import DigestFigures, digest_figures
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT
from newsletter.subscribers.models import Subscriber

UNSUBSCRIBED_WITHIN = timedelta(hours=72)
"""Readers who got the digest and unsubscribed within this time after the freeze count as `unsubscribed`. The mail
whose link they used is not known, since links do not name it."""

MOST_REASONS = 20


@dataclass(frozen=True)
class ReasonGroup:
    """Reasons that mean the same: one SMTP code and enhanced code, or the same words but for numbers and ids."""

    kind: str
    """"refused", or the word of an event."""
    reason: str
    """The commonest wording in the group."""
    count: int
    cause: Cause | None = None
    """Of blocked mails: the thing of ours that they were blocked for."""


@dataclass(frozen=True)
class Doubt:
    """A batch in doubt, which an editor has to resolve."""

    batch: int
    recipients: int
    attempted_at: datetime | None
    """The moment of its request."""
    note: str | None


@dataclass(frozen=True, kw_only=True)
class DigestReport(DigestFigures):
    """Readers, each counted once in a figure. Those who bounced or complained are among the accepted too, or among the
    refused whose mailbox was refused twice."""

    mailed_twice: int
    """Of the accepted: an editor had their batch sent again, and its events prove that it was sent before."""
    bounced: int
    soft_bounced: int
    blocked: int
    dropped: int
    complained: int
    unsubscribed: int
    reasons: tuple[ReasonGroup, ...]
    """The commonest first, at most MOST_REASONS."""
    doubts: tuple[Doubt, ...]


def digest_report(session: Session, digest_id: int) -> DigestReport:
    """The report on a digest. Raises NotFoundError."""
    digest = get_digest(session, digest_id)
    events = _count_events(session, digest_id)
    return DigestReport(
        **asdict(digest_figures(session, digest_id)),
        mailed_twice=_mailed_twice(session, digest_id),
        bounced=events[EventKind.BOUNCED],
        soft_bounced=events[EventKind.SOFT_BOUNCED],
        blocked=events[EventKind.BLOCKED],
        dropped=events[EventKind.DROPPED],
        complained=events[EventKind.COMPLAINED],
        unsubscribed=_unsubscribed(session, digest),
        reasons=reason_groups(session, digest_id),
        doubts=_doubts(session, digest_id),
    )


def _count_events(session: Session, digest_id: int) -> Counter[str]:
    rows = session.execute(select(Event.kind, func.count()).where(Event.digest_id == digest_id).group_by(Event.kind))
    return Counter(dict(rows.all()))


def _unsubscribed(session: Session, digest: Digest) -> int:
    if digest.frozen_at is None:
        return 0
    unsubscribed = session.scalars(
        select(Subscriber.id)
        .where(Subscriber.unsubscribed_at.between(digest.frozen_at, digest.frozen_at + UNSUBSCRIBED_WITHIN))
        .order_by(Subscriber.id)
    ).all()
    if not unsubscribed:
        return 0
    batches = session.execute(
        select(Batch.recipients, Batch.outcomes, Batch.first_id, Batch.last_id)
        .where(Batch.digest_id == digest.id, Batch.first_id <= unsubscribed[-1], Batch.last_id >= unsubscribed[0])
        .execution_options(yield_per=50)
    )
    ids = array("q", unsubscribed)
    return sum(
        _accepted_among(recipients, outcomes, ids[bisect_left(ids, first) : bisect_left(ids, last + 1)])
        for recipients, outcomes, first, last in batches
    )


def _accepted_among(recipients: bytes, outcomes: bytes, readers: array[int]) -> int:
    if not readers:
        return 0
    ids = packing.unpack_ids(recipients)
    positions = (position_of(ids, reader) for reader in readers)
    return sum(1 for position in positions if position is not None and outcomes[position] == ACCEPTED)


def reason_groups(session: Session, digest_id: int) -> tuple[ReasonGroup, ...]:
    """The reasons of refusals and events, the commonest first, at most MOST_REASONS."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    refused = select(Refusal.reason, func.count()).where(Refusal.digest_id == digest_id).group_by(Refusal.reason)
    for reason, count in session.execute(refused):
        counted.setdefault(("refused", group_key(reason)), Counter())[wording(reason)] += count
    events = (
        select(Event.kind, Event.reason, func.count())
        .where(Event.digest_id == digest_id, Event.reason != "")
        .group_by(Event.kind, Event.reason)
    )
    for kind, reason, count in session.execute(events):
        counted.setdefault((kind, group_key(reason)), Counter())[wording(reason)] += count
    groups = [
        _reason_group(kind, wordings.most_common(1)[0][0], wordings.total()) for (kind, _), wordings in counted.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.kind, group.reason))[:MOST_REASONS])


def _reason_group(kind: str, reason: str, count: int) -> ReasonGroup:
    return ReasonGroup(kind, reason, count, find_cause(reason) if kind == EventKind.BLOCKED else None)


def _mailed_twice(session: Session, digest_id: int) -> int:
    outcomes = session.scalars(select(Batch.outcomes).where(Batch.digest_id == digest_id, Batch.mailed_twice))
    return sum(each.count(ACCEPTED) for each in outcomes)


def _doubts(session: Session, digest_id: int) -> tuple[Doubt, ...]:
    rows = session.execute(
        select(Batch.id, Batch.outcomes, Batch.attempted_at, Batch.note)
        .where(Batch.digest_id == digest_id, Batch.state == BatchState.IN_DOUBT)
        .order_by(Batch.id)
    )
    return tuple(
        Doubt(batch, outcomes.count(IN_DOUBT), attempted_at, note) for batch, outcomes, attempted_at, note in rows
    )
