"""The owner of a subscriber's status, confirmation and end, with `subscribers.reported_ends`.

Each function is an action of `subscribers.status_transitions`, with everything that belongs to it: times, reasons,
suppressions, one-time links that end, the pause that ends. Every change is an UPDATE on the condition that the status
still is one of the action's sources, so a worker and a reader cannot undo each other's work.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import log_after_commit
from newsletter.core.ids import AddressKey, SuppressionKey
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
from newsletter.subscribers.transition_updates import (
    FETCHED,
    NOT_ENDED,
    change_status,
    log_transition,
    require_changed,
    starts,
)

log = logging.getLogger(__name__)

_UNSYNCHRONIZED = {"synchronize_session": False}


def create_many(session: Session, readers: Sequence[PendingReader], *, by: Actor) -> None:
    """Add pending subscribers for the addresses that have none, each address once."""
    for number in insert_pending(session, readers):
        log_transition(session, number, status_transitions.CREATE, by)


def import_confirmed(session: Session, readers: Sequence[ConfirmedReader], *, by: Actor) -> int:
    """Add readers who confirmed elsewhere, each address once; returns how many became active.

    A pending subscriber becomes active with the preferences of the sign-up. All others stay as they are.
    """
    count = insert_confirmed(session, readers)
    log_after_commit(session, log).debug(
        "%d subscribers are active (%s, by %s)", count, status_transitions.IMPORT.action, by
    )
    return count


def confirm(session: Session, suppression_key: SuppressionKey, reader: Subscriber, *, by: Actor) -> None:
    """Make a reader active who has confirmed the address.

    An earlier end, a pause and all suppressions but a complaint end with it, and so do one-time links. Raises
    ConflictError for a reader who is active or has complained.
    """
    now = clock.now()
    require_changed(
        change_status(session, reader, status_transitions.CONFIRM, by, confirmed_at=now, paused_until=None, **NOT_ENDED)
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
    now = clock.now()
    if change_status(
        session,
        reader,
        status_transitions.UNSUBSCRIBE,
        by,
        ended_at=now,
        unsubscribed_at=now,
        unsubscribe_reason=None,
    ):
        return True
    session.execute(
        update(Subscriber)
        .where(
            Subscriber.id == reader.id,
            Subscriber.status == status_transitions.BOUNCED,
            Subscriber.unsubscribed_at.is_(None),
        )
        .values(unsubscribed_at=now),
        execution_options=FETCHED,
    )
    return False


def give_reason(session: Session, reader: Subscriber, reason: UnsubscribeReason) -> None:
    """Keep why a reader unsubscribed; the last reason counts. For readers who did not unsubscribe nothing changes."""
    session.execute(
        update(Subscriber)
        .where(Subscriber.id == reader.id, Subscriber.status == status_transitions.UNSUBSCRIBED)
        .values(unsubscribe_reason=reason),
        execution_options=FETCHED,
    )


def undo_unsubscribe(session: Session, suppression_key: SuppressionKey, reader: Subscriber, *, by: Actor) -> None:
    """Make everything as it was before the reader unsubscribed: active, or pending if never confirmed.

    Raises ConflictError for a reader who is not unsubscribed.
    """
    if reader.confirmed_at is None:
        require_changed(change_status(session, reader, status_transitions.UNDO_UNCONFIRMED, by, **NOT_ENDED))
        return
    require_changed(change_status(session, reader, status_transitions.UNDO_UNSUBSCRIBE, by, **NOT_ENDED))
    suppressions.remove_suppression(session, suppression_key, reader.address_key)


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
        session, suppression_key, reader, status_transitions.UNDO_CHANGE, by, address, address_key, **NOT_ENDED
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
    log_transition(session, reader.id, status_transitions.ERASE, by)


def reduce(session: Session, readers: Sequence[Subscriber], *, by: Actor) -> None:
    """Delete the rows of readers whose subscription ended, and with them all rows that hang on them.

    `readers` are locked by the caller, who keeps what must be left of them.
    """
    session.execute(
        delete(Subscriber).where(
            Subscriber.id.in_([reader.id for reader in readers]), starts(status_transitions.REDUCE)
        ),
        execution_options=_UNSYNCHRONIZED,
    )
    for reader in readers:
        log_transition(session, reader.id, status_transitions.REDUCE, by)


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
    require_changed(change_status(session, reader, transition, by, **values))
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
