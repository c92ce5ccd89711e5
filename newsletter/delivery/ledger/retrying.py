"""Sending again to the recipients whose refusal was temporary."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from newsletter.core.actors import Actor
from newsletter.core.errors import InvalidError
from newsletter.core.ids import SubscriberId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.lifecycle import RETRY, change_batch
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests import lifecycle as digest_lifecycle
from newsletter.digests.queries import get_digest


def retry_refused(session: Session, digest_id: int, *, by: Actor) -> int:
    """Send again to exactly those recipients; how many. A digest that was sent is being sent again.

    Raises InvalidError when there are none, ConflictError unless the digest was sent or is being sent.
    """
    get_digest(session, digest_id)
    temporary = (Refusal.digest_id == digest_id, Refusal.temporary)
    subscribers = sorted(session.scalars(select(Refusal.subscriber_id).where(*temporary)))
    if not subscribers:
        raise InvalidError(
            "digest.nobody_to_retry", "No reader of digest %(digest)s was refused temporarily.", digest=digest_id
        )
    digest_lifecycle.reopen(session, digest_id, by=by)
    waiting = _wait_again(session, digest_id, subscribers)
    session.execute(delete(Refusal).where(*temporary, Refusal.subscriber_id.in_(waiting)))
    return len(waiting)


def _wait_again(session: Session, digest_id: int, subscribers: Sequence[SubscriberId]) -> list[SubscriberId]:
    """Have those of `subscribers` (rising) wait whose batch no worker has; who they are."""
    batches = session.scalars(
        select(Batch)
        .where(Batch.digest_id == digest_id, RETRY.is_allowed(Batch.state))
        .where(Batch.first_id <= subscribers[-1], Batch.last_id >= subscribers[0])
        .options(undefer(Batch.recipients))
        .with_for_update()
    ).all()
    waiting = []
    for batch in batches:
        ids, outcomes = packing.unpack_ids(batch.recipients), Outcomes(batch.outcomes)
        among = slice(bisect_left(subscribers, batch.first_id), bisect_left(subscribers, batch.last_id + 1))
        for subscriber in subscribers[among]:
            position = packing.position_of(ids, subscriber)
            if position is not None and outcomes.retry(position):
                waiting.append(subscriber)
        change_batch(session, batch, RETRY, outcomes, deferred_since=None, not_before=None)
    return waiting
