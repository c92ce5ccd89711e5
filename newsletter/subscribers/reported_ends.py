"""Ends of subscriptions that providers report, and taking such an end back.

With `subscribers.lifecycle` this is the owner of a subscriber's status. A report ends a subscription whatever its
reader does, and an operator can say that it was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers import status_transitions
from newsletter.subscribers.models import Subscriber, SuppressionReason
from newsletter.subscribers.status_transitions import SubscriberTransition
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import STRENGTH, ToSuppress
from newsletter.subscribers.transition_updates import TABLE, change_status, log_transition, starts

ENDINGS = {
    SuppressionReason.UNSUBSCRIBED: status_transitions.UNSUBSCRIBE,
    SuppressionReason.BOUNCED: status_transitions.BOUNCE,
    SuppressionReason.COMPLAINED: status_transitions.COMPLAIN,
}
"""The transitions that providers' reports cause, by the reason for which the address is suppressed."""


class End(NamedTuple):
    """A provider's report that ends a subscription; `at` is the time of what it reports."""

    reader: Subscriber
    reason: SuppressionReason
    at: datetime


def end(session: Session, suppression_key: SuppressionKey, ends: Sequence[End], *, by: Actor) -> None:
    """End subscriptions by what a provider reported, and suppress the addresses: the result is the same in any order.

    The strongest report about a reader counts: complained, bounced, unsubscribed.
    """
    suppressions.suppress_all(
        session, suppression_key, [ToSuppress(end.reader.address_key, end.reason, end.at) for end in ends]
    )
    by_strength = sorted(ends, key=lambda end: (STRENGTH[end.reason], -end.at.timestamp()))
    strongest = {end.reader.id: end for end in by_strength}
    for reason, transition in ENDINGS.items():
        changed = [
            end for end in strongest.values() if end.reason is reason and end.reader.status in transition.sources
        ]
        if changed:
            _end_all(session, transition, changed, by)


def unsuppress(session: Session, reader: Subscriber, complained_at: datetime, *, by: Actor) -> None:
    """Let a reader who complained sign up again: they count as unsubscribed since then.

    A reader who bounced stays so until they confirm.
    """
    change_status(
        session, reader, status_transitions.UNSUPPRESS, by, unsubscribed_at=complained_at, unsubscribe_reason=None
    )


def unbounce(
    session: Session, suppression_key: SuppressionKey, readers: Sequence[Subscriber], why: str, *, by: Actor
) -> int:
    """Make readers active again who bounced by mistake; how many they were. `why` is kept with each suppression.

    All others of `readers` stay as they are: who unsubscribed meanwhile, complained, or never confirmed.
    """
    statement = (
        update(Subscriber)
        .where(
            Subscriber.id.in_([reader.id for reader in readers]),
            starts(status_transitions.UNBOUNCE),
            Subscriber.confirmed_at.is_not(None),
            Subscriber.unsubscribed_at.is_(None),
        )
        .values(status=status_transitions.UNBOUNCE.target, ended_at=None)
        .returning(Subscriber.id)
    )
    numbers = set(session.scalars(statement, execution_options={"synchronize_session": False}))
    address_keys = [reader.address_key for reader in readers if reader.id in numbers]
    suppressions.end_bounces(session, suppression_key, address_keys, why)
    for number in sorted(numbers):
        log_transition(session, number, status_transitions.UNBOUNCE, by)
    return len(numbers)


def _end_all(session: Session, transition: SubscriberTransition, ends: Sequence[End], by: Actor) -> None:
    values: dict[str, Any] = {"status": transition.target, "ended_at": clock.now()}
    rows: list[dict[str, Any]] = [{"number": end.reader.id} for end in ends]
    if transition is status_transitions.UNSUBSCRIBE:
        values["unsubscribed_at"] = bindparam("reported_at")
        rows = [{"number": end.reader.id, "reported_at": end.at} for end in ends]
    statement = update(TABLE).where(TABLE.c.id == bindparam("number"), starts(transition)).values(values)
    session.connection().execute(statement, rows)
    for end in ends:
        session.expire(end.reader, ["status", "ended_at", "unsubscribed_at"])
        log_transition(session, end.reader.id, transition, by)
