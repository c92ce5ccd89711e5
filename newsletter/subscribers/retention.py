"""What nobody confirmed is not kept: the clock deletes it after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Base
from newsletter.subscribers.models import AddressChange, Consent, SignupRequest, Subscriber, SubscriberStatus

UNCONFIRMED_FOR = timedelta(days=14)
"""Longer than any link works."""
AT_ONCE = 1000
"""Rows of a kind in one transaction: a reader's sign-up waits for it (SQLite has one writer)."""


def delete_unconfirmed(session: Session) -> bool:
    """Delete sign-ups that were not confirmed, with their evidence, and changes of address; True when there may be
    more.
    """
    old = clock.now() - UNCONFIRMED_FOR
    asked = func.coalesce(Subscriber.confirmation_sent_at, Subscriber.created_at)
    kinds: list[tuple[type[Base], Any]] = [
        (Subscriber, (Subscriber.status == SubscriberStatus.PENDING) & (asked < old)),
        (Consent, Consent.confirmed_at.is_(None) & (Consent.requested_at < old)),
        (AddressChange, AddressChange.requested_at < old),
        (SignupRequest, SignupRequest.requested_at < old),
    ]
    deleted = [_delete(session, kind, which) for kind, which in kinds]
    return max(deleted) == AT_ONCE


def _delete(session: Session, kind: Any, which: Any) -> int:
    ids = session.scalars(select(kind.id).where(which).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    if ids:
        session.execute(delete(kind).where(kind.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)
