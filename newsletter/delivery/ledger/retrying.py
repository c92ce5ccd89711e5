"""Sending again to recipients who were refused: temporarily, or for one of the reasons that a report lists."""

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
from newsletter.delivery.ledger.reason_groups import group_key
from newsletter.digests import lifecycle as digest_lifecycle
from newsletter.digests.queries import get_digest

_AT_A_TIME = 10_000
"""Refusals that one statement deletes: SQLite takes 32,766 parameters."""


def retry_refused(session: Session, digest_id: int, *, reason: str | None = None, by: Actor) -> int:
    """Send again to exactly those whose refusal was temporary or, with `reason`, of that group; how many.

    `reason` is a group as a report shows it, or its code alone ("550 5.7.1"). A digest that was sent is being sent
    again. Raises InvalidError when there are none, ConflictError unless the digest was sent or is being sent.
    """
    get_digest(session, digest_id)
    subscribers = (
        _refused_temporarily(session, digest_id) if reason is None else _refused_for(session, digest_id, reason)
    )
    if not subscribers:
        raise _nobody(digest_id, reason)
    digest_lifecycle.reopen(session, digest_id, by=by)
    return take_back_refusals(session, digest_id, subscribers)


def take_back_refusals(session: Session, digest_id: int, subscribers: Sequence[SubscriberId]) -> int:
    """Have these recipients (rising) wait again, as if they had not been refused; how many were."""
    if not subscribers:
        return 0
    waiting = _wait_again(session, digest_id, subscribers)
    for start in range(0, len(waiting), _AT_A_TIME):
        some = waiting[start : start + _AT_A_TIME]
        session.execute(delete(Refusal).where(Refusal.digest_id == digest_id, Refusal.subscriber_id.in_(some)))
    return len(waiting)


def _refused_temporarily(session: Session, digest_id: int) -> list[SubscriberId]:
    return sorted(
        session.scalars(select(Refusal.subscriber_id).where(Refusal.digest_id == digest_id, Refusal.temporary))
    )


def _refused_for(session: Session, digest_id: int, reason: str) -> list[SubscriberId]:
    refusals = session.execute(select(Refusal.subscriber_id, Refusal.reason).where(Refusal.digest_id == digest_id))
    return sorted(subscriber for subscriber, said in refusals if group_key(said) == group_key(reason))


def _nobody(digest_id: int, reason: str | None) -> InvalidError:
    if reason is None:
        return InvalidError(
            "digest.nobody_to_retry", "No reader of digest %(digest)s was refused temporarily.", digest=digest_id
        )
    return InvalidError(
        "digest.no_such_reason",
        "No reader of digest %(digest)s was refused for the reason %(reason)s.",
        digest=digest_id,
        reason=reason,
    )


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
