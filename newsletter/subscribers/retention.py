"""Retention: the clock deletes what nobody confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.subscribers.models import AddressChange, Consent, SignupRequest, Subscriber, SubscriberStatus

UNCONFIRMED_FOR = timedelta(days=14)
"""Longer than any link works."""
BATCH_SIZE = 1000
"""Rows of a table in one transaction: sign-ups wait for it, since SQLite has one writer."""


class Deleted(NamedTuple):
    """The rows that were deleted at once."""

    addresses: frozenset[str]
    """Those that stood in them, as they were typed and as keys."""
    more: bool
    """Whether there may be more."""


def delete_unconfirmed(session: Session) -> Deleted:
    """Delete old sign-ups that were not confirmed, with their evidence, and old changes of address."""
    old = clock.now() - UNCONFIRMED_FOR
    signed_up_at = func.coalesce(Subscriber.confirmation_sent_at, Subscriber.created_at)
    with_address: list[tuple[Any, ColumnElement[bool]]] = [
        (Subscriber, (Subscriber.status == SubscriberStatus.PENDING) & (signed_up_at < old)),
        (AddressChange, AddressChange.requested_at < old),
        (SignupRequest, SignupRequest.requested_at < old),
    ]
    unconfirmed = Consent.confirmed_at.is_(None) & (Consent.requested_at < old)
    counts = [len(_delete(session, Consent, unconfirmed, Consent.id))]
    addresses: set[str] = set()
    for model, condition in with_address:
        rows = _delete(session, model, condition, model.id, model.address, model.address_key)
        addresses.update(text for _, *texts in rows for text in texts)
        counts.append(len(rows))
    return Deleted(frozenset(addresses), max(counts) == BATCH_SIZE)


def _delete(session: Session, model: Any, condition: ColumnElement[bool], *columns: Any) -> Sequence[Any]:
    """Delete rows, BATCH_SIZE at most; returns these columns of them, the number first."""
    rows = session.execute(select(*columns).where(condition).limit(BATCH_SIZE).with_for_update(skip_locked=True)).all()
    if rows:
        numbers = [row[0] for row in rows]
        session.execute(delete(model).where(model.id.in_(numbers)).execution_options(synchronize_session=False))
    return rows
