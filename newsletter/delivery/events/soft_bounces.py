"""Soft bounces: how many of them end a subscription, like a hard bounce at once (docs/events.md has the whole table).

They end it when `SOFT_BOUNCES` digests in a row came back within `WITHIN`. A digest that was accepted and about which
no failure was reported counts as delivered: missing `delivered` events count against nobody, and the order of events
makes no difference. A failure that is about us never counts against a reader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.packing import position_of
from newsletter.digests.models import Digest
from newsletter.mail.outcomes import ACCEPTED

SOFT_BOUNCES = 5
WITHIN = timedelta(days=30)


class _FailedDigest(NamedTuple):
    """A digest about which a failure was reported for a reader."""

    digest_id: int
    frozen_at: datetime
    kind: str


def too_many_soft_bounces(
    session: Session, readers: Collection[tuple[int, datetime | None]], *, without: Collection[int] = ()
) -> dict[int, datetime]:
    """The readers, of those given by number and time of confirmation, with too many soft bounces in a row.

    Each with the time at which the last digest of the row was sent. The events numbered in `without` count for nothing.
    """
    rows: Iterable[Any] = session.execute(
        select(Event.subscriber_id, Digest.id, Digest.frozen_at, Event.kind)
        .join(Digest, Digest.id == Event.digest_id)
        .where(
            Event.subscriber_id.in_([reader for reader, _ in readers]),
            Event.id.not_in(without),
            Event.withdrawn_at.is_(None),
            Digest.frozen_at.is_not(None),
        )
        .order_by(Event.subscriber_id, Digest.frozen_at, Digest.id)
    )
    confirmed = dict(readers)
    found = {}
    for reader, group in groupby(rows, key=lambda row: row[0]):
        since = confirmed[reader]
        failed = [_FailedDigest(*row[1:]) for row in group if since is None or row[2] >= since]
        if last := _end_of_row(session, reader, failed):
            found[reader] = last
    return found


def _end_of_row(session: Session, reader: int, failed: list[_FailedDigest]) -> datetime | None:
    """The time of the last of SOFT_BOUNCES soft bounces in a row, within WITHIN; None when there is no such row."""
    soft = [digest for digest in failed if digest.kind == EventKind.SOFT_BOUNCED]
    failed_ids = [digest.digest_id for digest in failed]
    for first, last in zip(soft, soft[SOFT_BOUNCES - 1 :], strict=False):
        begin, end = first.frozen_at, last.frozen_at
        if end - begin <= WITHIN and not any_delivered(session, reader, begin, end, failed_ids):
            return end
    return None


def any_delivered(session: Session, reader: int, since: datetime, until: datetime, failed_ids: Collection[int]) -> bool:
    """Whether a digest frozen between the two times was accepted for this reader, without a report of a failure."""
    between = session.scalars(
        select(Digest.id).where(Digest.frozen_at >= since, Digest.frozen_at <= until, Digest.id.not_in(failed_ids))
    ).all()
    if not between:
        return False
    batches = session.execute(
        select(Batch.recipients, Batch.outcomes).where(
            Batch.digest_id.in_(between), Batch.first_id <= reader, Batch.last_id >= reader
        )
    )
    return any(_outcome(recipients, outcomes, reader) == ACCEPTED for recipients, outcomes in batches)


def _outcome(recipients: bytes, outcomes: bytes, reader: int) -> int | None:
    position = position_of(packing.unpack_ids(recipients), reader)
    return None if position is None else outcomes[position]
