"""The lowest trust scores that readers chose, counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.subscribers.models import Subscriber, SubscriberStatus


class MissedReaders(NamedTuple):
    """The readers who do not get a story because its score is below their limit, and all readers."""

    missed: int
    active: int


def count_limits(session: Session) -> dict[int, int]:
    """The number of active readers for each lowest trust score."""
    query = select(Subscriber.min_trust, func.count()).where(Subscriber.status == SubscriberStatus.ACTIVE)
    return {row[0]: row[1] for row in session.execute(query.group_by(Subscriber.min_trust))}


def missed_readers(limits: Mapping[int, int], score: int) -> MissedReaders:
    """The readers whose limit a score does not reach."""
    return MissedReaders(sum(count for limit, count in limits.items() if limit > score), sum(limits.values()))
