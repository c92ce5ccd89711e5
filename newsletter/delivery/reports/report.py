"""The report of a digest: what became of its mails, as far as it is known. Nobody is watched: no opens, no clicks."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.delivery.events.models import Event
from newsletter.delivery.events.vocabulary import EventKind
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.ledger.packing import position_of
from newsletter.delivery.reports.status import digest_status
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT
from newsletter.subscribers.models import Subscriber

LEFT_WITHIN = timedelta(hours=72)
"""Readers whom the digest was handed over for and who left so soon after the freeze count as `left`. Which mail they
left by is not known, since links do not say it."""

MOST_REASONS = 20

_CODE = re.compile(r"\b([245]\d\d)\b(?:[ -]+([245]\.\d{1,3}\.\d{1,3})\b)?", re.ASCII)
_VARYING = re.compile(r"\S*\d\S*")


@dataclass(frozen=True)
class ReasonGroup:
    """Reasons that say the same: one SMTP code and enhanced code, or the same words but for numbers and ids."""

    kind: str
    """"refused", or the word of an event."""
    reason: str
    """The commonest wording in the group."""
    count: int


@dataclass(frozen=True)
class Doubt:
    """A batch in doubt; `digests resolve` decides."""

    batch: int
    recipients: int
    attempted_at: datetime | None
    """When its request was made."""
    note: str | None


@dataclass(frozen=True)
class DigestReport:
    """Readers, each counted once for each line; who bounced or complained was accepted by the provider before."""

    id: int
    recipients: int
    accepted: int
    refused: int
    in_doubt: int
    mailed_twice: int
    """Of the accepted: mailed twice, since a batch was settled as not taken and its events prove that it was."""
    bounced: int
    soft_bounced: int
    blocked: int
    dropped: int
    complained: int
    left: int
    until_hour: int
    """Readers who wait for the hour that they chose."""
    last_hour: datetime | None
    """When the last of these hours comes."""
    reasons: tuple[ReasonGroup, ...]
    """The commonest first, at most MOST_REASONS."""
    doubts: tuple[Doubt, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data; times in ISO 8601."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def digest_report(session: Session, digest_id: int) -> DigestReport:
    """What became of a digest. Raises NotFoundError."""
    state = digest_status(session, digest_id)
    reported = _reported(session, digest_id)
    return DigestReport(
        id=digest_id,
        recipients=state.recipients,
        accepted=state.accepted,
        refused=state.refused,
        in_doubt=state.in_doubt,
        mailed_twice=_twice(session, digest_id),
        bounced=reported[EventKind.BOUNCED],
        soft_bounced=reported[EventKind.SOFT_BOUNCED],
        blocked=reported[EventKind.BLOCKED],
        dropped=reported[EventKind.DROPPED],
        complained=reported[EventKind.COMPLAINED],
        left=_left(session, get_digest(session, digest_id)),
        until_hour=state.until_hour,
        last_hour=state.last_hour,
        reasons=_reasons(session, digest_id),
        doubts=_doubts(session, digest_id),
    )


def _reported(session: Session, digest_id: int) -> Counter[str]:
    rows = session.execute(select(Event.kind, func.count()).where(Event.digest_id == digest_id).group_by(Event.kind))
    return Counter(dict(rows.all()))


def _left(session: Session, digest: Digest) -> int:
    if digest.frozen_at is None:
        return 0
    leavers = session.scalars(
        select(Subscriber.id)
        .where(Subscriber.unsubscribed_at.between(digest.frozen_at, digest.frozen_at + LEFT_WITHIN))
        .order_by(Subscriber.id)
    ).all()
    if not leavers:
        return 0
    batches = session.execute(
        select(Batch.recipients, Batch.outcomes, Batch.first_id, Batch.last_id)
        .where(Batch.digest_id == digest.id, Batch.first_id <= leavers[-1], Batch.last_id >= leavers[0])
        .execution_options(yield_per=50)
    )
    ids = array("q", leavers)
    return sum(
        _accepted_among(recipients, outcomes, ids[bisect_left(ids, first) : bisect_left(ids, last + 1)])
        for recipients, outcomes, first, last in batches
    )


def _accepted_among(recipients: bytes, outcomes: bytes, readers: array[int]) -> int:
    if not readers:
        return 0
    ids = packing.unpack_ids(recipients)
    places = (position_of(ids, reader) for reader in readers)
    return sum(1 for place in places if place is not None and outcomes[place] == ACCEPTED)


def _reasons(session: Session, digest_id: int) -> tuple[ReasonGroup, ...]:
    counted: dict[tuple[str, str], Counter[str]] = {}
    refused = select(Refusal.reason, func.count()).where(Refusal.digest_id == digest_id).group_by(Refusal.reason)
    for reason, count in session.execute(refused):
        counted.setdefault(("refused", _sameness(reason)), Counter())[_wording(reason)] += count
    events = (
        select(Event.kind, Event.reason, func.count())
        .where(Event.digest_id == digest_id, Event.reason != "")
        .group_by(Event.kind, Event.reason)
    )
    for kind, reason, count in session.execute(events):
        counted.setdefault((kind, _sameness(reason)), Counter())[_wording(reason)] += count
    groups = [
        ReasonGroup(kind, wordings.most_common(1)[0][0], wordings.total()) for (kind, _), wordings in counted.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.kind, group.reason))[:MOST_REASONS])


def _sameness(reason: str) -> str:
    """What is alike in reasons that mean the same: "550 5.1.1"; without a code, the words."""
    match = _CODE.search(reason)
    return " ".join(filter(None, match.groups())) if match else _wording(reason).lower()


def _wording(reason: str) -> str:
    """A reason with its code, and without what differs from mail to mail: numbers, ids, hosts."""
    match = _CODE.search(reason)
    if match is None:
        return _VARYING.sub("…", reason)
    said = _VARYING.sub("…", reason[match.end() :]).strip(" -:")
    return f"{' '.join(filter(None, match.groups()))} {said}".strip()


def _twice(session: Session, digest_id: int) -> int:
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


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
