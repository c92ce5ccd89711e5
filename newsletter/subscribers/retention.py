"""Retention: the clock deletes what nobody confirmed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Base
from newsletter.subscribers.models import AddressChange, Consent, SignupRequest, Subscriber, SubscriberStatus

UNCONFIRMED_FOR = timedelta(days=14)
"""Longer than any link works."""
BATCH_SIZE = 1000
"""Rows of a table in one transaction: sign-ups wait for it, since SQLite has one writer."""


def delete_unconfirmed(session: Session) -> bool:
    """Delete old sign-ups that were not confirmed, with their evidence, and old changes of address.

    Returns whether there may be more.
    """
    old = clock.now() - UNCONFIRMED_FOR
    signed_up_at = func.coalesce(Subscriber.confirmation_sent_at, Subscriber.created_at)
    expired: list[tuple[type[Base], ColumnElement[bool]]] = [
        (Subscriber, (Subscriber.status == SubscriberStatus.PENDING) & (signed_up_at < old)),
        (Consent, Consent.confirmed_at.is_(None) & (Consent.requested_at < old)),
        (AddressChange, AddressChange.requested_at < old),
        (SignupRequest, SignupRequest.requested_at < old),
    ]
    deleted = [_delete(session, model, condition) for model, condition in expired]
    return max(deleted) == BATCH_SIZE


def _delete(session: Session, model: Any, condition: ColumnElement[bool]) -> int:
    ids = session.scalars(select(model.id).where(condition).limit(BATCH_SIZE).with_for_update(skip_locked=True)).all()
    if ids:
        session.execute(delete(model).where(model.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)
