"""Readers whose mailbox was refused again and again while a digest was sent ("550 5.1.1" at RCPT).

One such refusal ends nothing: a server's directory can be away for a day. The second one does that comes at least
`AGAIN_AFTER` later, when nothing was delivered in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import insert_ignoring
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import soft_bounces
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Refusal
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.subscribers import reported_ends
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.reported_ends import End

AGAIN_AFTER = timedelta(days=3)
LOOK_BACK = timedelta(days=1)
"""Digests that were sent so lately are looked at, each time anew: a clock that stood still misses none."""


class RefusedAgain(NamedTuple):
    """Two refusals of one reader's mailbox."""

    subscriber_id: int
    digest_id: int
    reason: str
    refused_at: datetime
    earlier_digest_id: int
    earlier_at: datetime


def end_refused(session: Session, suppression_key: SuppressionKey, *, by: Actor) -> int:
    """End the subscriptions of readers whose mailbox was refused for the second time; how many they were."""
    found = refused_again(session)
    readers = session.scalars(
        select(Subscriber).where(Subscriber.id.in_(found)).order_by(Subscriber.id).with_for_update(key_share=True)
    ).all()
    insert_ignoring(session, Event, [_event(found[reader.id]) for reader in readers])
    ends = [End(reader, SuppressionReason.BOUNCED, found[reader.id].refused_at) for reader in readers]
    reported_ends.end(session, suppression_key, ends, by=by)
    return len(ends)


def refused_again(session: Session) -> dict[int, RefusedAgain]:
    """The active readers whose mailbox was refused for the second time, by number."""
    return {again.subscriber_id: again for again in _far_apart(session) if not _delivered_between(session, again)}


def _far_apart(session: Session) -> Iterator[RefusedAgain]:
    """For each active reader refused by a digest that was just sent: that refusal, with the latest one long before."""
    earlier = aliased(Refusal)
    rows = session.execute(
        select(
            Refusal.subscriber_id,
            Refusal.digest_id,
            Refusal.reason,
            Refusal.created_at,
            earlier.digest_id,
            earlier.created_at,
        )
        .join(Digest, Digest.id == Refusal.digest_id)
        .join(earlier, earlier.subscriber_id == Refusal.subscriber_id)
        .join(Subscriber, Subscriber.id == Refusal.subscriber_id)
        .where(
            Digest.status == DigestStatus.SENT,
            Digest.sent_at > clock.now() - LOOK_BACK,
            Refusal.about == FailureKind.MAILBOX,
            earlier.about == FailureKind.MAILBOX,
            earlier.created_at < Refusal.created_at,
            Subscriber.status == SubscriberStatus.ACTIVE,
            earlier.created_at >= Subscriber.confirmed_at,
        )
        .order_by(Refusal.subscriber_id, Refusal.created_at, earlier.created_at)
    )
    for _, group in groupby(map(RefusedAgain._make, rows), key=lambda again: again.subscriber_id):
        far_apart = [again for again in group if again.refused_at - again.earlier_at >= AGAIN_AFTER]
        yield from far_apart[-1:]


def _delivered_between(session: Session, again: RefusedAgain) -> bool:
    frozen = session.execute(
        select(Digest.id, Digest.frozen_at).where(Digest.id.in_([again.earlier_digest_id, again.digest_id]))
    ).all()
    times = [frozen_at for _, frozen_at in frozen if frozen_at is not None]
    digests = [digest_id for digest_id, _ in frozen]
    return soft_bounces.any_delivered(session, again.subscriber_id, min(times), max(times), digests)


def _event(again: RefusedAgain) -> dict[str, object]:
    return {
        "subscriber_id": again.subscriber_id,
        "digest_id": again.digest_id,
        "kind": EventKind.BOUNCED,
        "dedupe_key": f"digest {again.digest_id}",
        "reason": again.reason,
        "occurred_at": again.refused_at,
    }
