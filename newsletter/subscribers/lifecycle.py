"""The one owner of a subscriber's status, confirmation and end.

Each function is an action of `subscribers.status_transitions`, with everything that belongs to it: times, reasons,
suppressions, one-time links that end, the pause that ends. Every change is an UPDATE on the condition that the status
still is one of the action's sources, so a worker and a reader cannot undo each other's work.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, literal_column, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import table_of
from newsletter.core.errors import ConflictError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.core.languages import gettext_noop
from newsletter.subscribers import status_transitions
from newsletter.subscribers.bulk_insert import ConfirmedReader, PendingReader, insert_confirmed, insert_pending
from newsletter.subscribers.models import (
    Consent,
    OneTimeLink,
    Subscriber,
    SuppressionReason,
    UnsubscribeReason,
)
from newsletter.subscribers.status_transitions import SubscriberTransition
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import STRENGTH, ToSuppress

log = logging.getLogger(__name__)

_TABLE = table_of(Subscriber)
_UNSYNCHRONIZED = {"synchronize_session": False}

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


def create_many(session: Session, readers: Sequence[PendingReader], *, by: Actor) -> None:
    """Add pending subscribers for the addresses that have none, each address once."""
    for number in insert_pending(session, readers):
        _log(number, status_transitions.CREATE, by)


def import_confirmed(session: Session, readers: Sequence[ConfirmedReader], *, by: Actor) -> int:
    """Add readers who confirmed elsewhere, each address once; returns how many became active.

    A pending subscriber becomes active with the preferences of the sign-up. All others stay as they are.
    """
    count = insert_confirmed(session, readers)
    log.debug("%d subscribers are active (%s, by %s)", count, status_transitions.IMPORT.action, by)
    return count


def confirm(session: Session, suppression_key: SuppressionKey, reader: Subscriber, *, by: Actor) -> None:
    """Make a reader active who has confirmed the address.

    An earlier end, a pause and all suppressions but a complaint end with it, and so do one-time links. Raises
    ConflictError for a reader who is active or has complained.
    """
    now = clock.now()
    _require(
        _change(session, reader, status_transitions.CONFIRM, by, confirmed_at=now, paused_until=None, **_NOT_ENDED)
    )
    _prove_mailbox(session, suppression_key, reader.id, reader.address_key)
    session.execute(
        update(Consent).where(Consent.subscriber_id == reader.id, Consent.confirmed_at.is_(None)),
        {"confirmed_at": now},
        execution_options=_UNSYNCHRONIZED,
    )


def unsubscribe(session: Session, reader: Subscriber, *, by: Actor) -> bool:
    """End a subscription by its reader's wish; False when it had ended already.

    Of a reader who bounced the wish is kept, so that no operator brings them back unasked.
    """
    if _change(
        session, reader, status_transitions.UNSUBSCRIBE, by, unsubscribed_at=clock.now(), unsubscribe_reason=None
    ):
        return True
    session.execute(
        update(Subscriber)
        .where(
            Subscriber.id == reader.id,
            Subscriber.status == status_transitions.BOUNCED,
            Subscriber.unsubscribed_at.is_(None),
        )
        .values(unsubscribed_at=clock.now()),
        execution_options=_FETCHED,
    )
    return False


def give_reason(session: Session, reader: Subscriber, reason: UnsubscribeReason) -> None:
    """Keep why a reader unsubscribed; the last reason counts. For readers who did not unsubscribe nothing changes."""
    session.execute(
        update(Subscriber)
        .where(Subscriber.id == reader.id, Subscriber.status == status_transitions.UNSUBSCRIBED)
        .values(unsubscribe_reason=reason),
        execution_options=_FETCHED,
    )


def undo_unsubscribe(session: Session, suppression_key: SuppressionKey, reader: Subscriber, *, by: Actor) -> None:
    """Make everything as it was before the reader unsubscribed: active, or pending if never confirmed.

    Raises ConflictError for a reader who is not unsubscribed.
    """
    if reader.confirmed_at is None:
        _require(_change(session, reader, status_transitions.UNDO_UNCONFIRMED, by, **_NOT_ENDED))
        return
    _require(_change(session, reader, status_transitions.UNDO_UNSUBSCRIBE, by, **_NOT_ENDED))
    suppressions.remove_suppression(session, suppression_key, reader.address_key)


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
    _change(session, reader, status_transitions.UNSUPPRESS, by, unsubscribed_at=complained_at, unsubscribe_reason=None)


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
            _starts(status_transitions.UNBOUNCE),
            Subscriber.confirmed_at.is_not(None),
            Subscriber.unsubscribed_at.is_(None),
        )
        .values(status=status_transitions.UNBOUNCE.target)
        .returning(Subscriber.id)
    )
    numbers = set(session.scalars(statement, execution_options={"synchronize_session": False}))
    address_keys = [reader.address_key for reader in readers if reader.id in numbers]
    suppressions.end_bounces(session, suppression_key, address_keys, why)
    for number in sorted(numbers):
        _log(number, status_transitions.UNBOUNCE, by)
    return len(numbers)


def change_address(
    session: Session,
    suppression_key: SuppressionKey,
    reader: Subscriber,
    address: str,
    address_key: AddressKey,
    *,
    by: Actor,
) -> None:
    """Give an active reader the address that its owner has just confirmed.

    Raises ConflictError for a reader who is not active, and IntegrityError when another subscriber has the address.
    """
    _give_address(session, suppression_key, reader, status_transitions.CHANGE_ADDRESS, by, address, address_key)


def undo_change(
    session: Session,
    suppression_key: SuppressionKey,
    reader: Subscriber,
    address: str,
    address_key: AddressKey,
    *,
    by: Actor,
) -> None:
    """Give a reader the old address back. The subscription is active then, however it ended at the other address.

    Raises ConflictError for a reader who is pending, and IntegrityError when another subscriber has the address.
    """
    _give_address(
        session, suppression_key, reader, status_transitions.UNDO_CHANGE, by, address, address_key, **_NOT_ENDED
    )


def erase(
    session: Session,
    suppression_key: SuppressionKey,
    reader: Subscriber,
    address_keys: Sequence[AddressKey],
    *,
    by: Actor,
) -> None:
    """Delete a subscriber's row, and with it all rows that hang on it; suppress the addresses that the reader had."""
    for address_key in address_keys:
        suppressions.suppress(session, suppression_key, address_key, SuppressionReason.ERASED)
    session.execute(delete(Subscriber).where(Subscriber.id == reader.id), execution_options=_UNSYNCHRONIZED)
    _log(reader.id, status_transitions.ERASE, by)


_NOT_ENDED: dict[str, Any] = {"unsubscribed_at": None, "unsubscribe_reason": None}
_FETCHED = {"synchronize_session": "fetch"}
"""The loaded subscriber gets the new values as well."""


def _change(session: Session, reader: Subscriber, transition: SubscriberTransition, by: Actor, **values: Any) -> bool:
    """Do a transition; False when the reader's status is none of its sources."""
    statement = (
        update(Subscriber)
        .where(Subscriber.id == reader.id, _starts(transition))
        .values(status=transition.target, **values)
    )
    result = session.execute(statement, execution_options=_FETCHED)
    if result.rowcount != 1:  # type: ignore[attr-defined]
        return False
    _log(reader.id, transition, by)
    return True


def _starts(transition: SubscriberTransition) -> ColumnElement[bool]:
    """The condition that a transition may start; literal words, since a list of values cannot go to many rows."""
    return _TABLE.c.status.in_([literal_column(f"'{status}'") for status in transition.statuses])


def _require(changed: bool) -> None:
    if not changed:
        raise ConflictError(
            "subscriber.status_changed", gettext_noop("This subscription has just been changed. Nothing was done.")
        )


def _end_all(session: Session, transition: SubscriberTransition, ends: Sequence[End], by: Actor) -> None:
    values: dict[str, Any] = {"status": transition.target}
    rows: list[dict[str, Any]] = [{"number": end.reader.id} for end in ends]
    if transition is status_transitions.UNSUBSCRIBE:
        values["unsubscribed_at"] = bindparam("ended_at")
        rows = [{"number": end.reader.id, "ended_at": end.at} for end in ends]
    statement = update(_TABLE).where(_TABLE.c.id == bindparam("number"), _starts(transition)).values(values)
    session.connection().execute(statement, rows)
    for end in ends:
        session.expire(end.reader, ["status", "unsubscribed_at"])
        _log(end.reader.id, transition, by)


def _give_address(
    session: Session,
    suppression_key: SuppressionKey,
    reader: Subscriber,
    transition: SubscriberTransition,
    by: Actor,
    address: str,
    address_key: AddressKey,
    **values: Any,
) -> None:
    former_key = reader.address_key
    values |= {"address": address, "address_key": address_key, "confirmed_at": clock.now()}
    _require(_change(session, reader, transition, by, **values))
    _prove_mailbox(session, suppression_key, reader.id, address_key)
    if former_key != address_key:  # no import brings the letter back to the address that was given up
        suppressions.suppress(session, suppression_key, former_key, SuppressionReason.UNSUBSCRIBED)


def _prove_mailbox(
    session: Session, suppression_key: SuppressionKey, subscriber_id: int, address_key: AddressKey
) -> None:
    """End what a newly confirmed address ends: earlier one-time links, and the pause before the next one."""
    session.execute(
        delete(OneTimeLink).where(OneTimeLink.subscriber_id == subscriber_id),
        execution_options={"synchronize_session": "fetch"},
    )
    suppressions.remove_suppression(session, suppression_key, address_key)


def _log(subscriber_id: int, transition: SubscriberTransition, by: Actor) -> None:
    log.info("subscriber %d: %s, by %s", subscriber_id, transition.action, by)
