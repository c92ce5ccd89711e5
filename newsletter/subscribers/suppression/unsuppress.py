"""Lifting a suppression by hand, with a reason that is kept: the only way back after a complaint."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import InvalidError, NotFoundError
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason, Unsuppression
from newsletter.subscribers.suppression import suppressions

LONGEST = 500
"""Characters of a reason."""


def unsuppress(session: Session, suppression_key: str, address: str, why: str) -> SuppressionReason:
    """Lift the suppression of an address, whatever it was for; returns what it was for.

    No letter comes of it: a reader who bounced or complained counts as one who has left, and may sign up and confirm.
    Raises InvalidError without a reason, NotFoundError for an address that is not suppressed.
    """
    why = " ".join(why.split())
    if not why or len(why) > LONGEST or not why.isprintable():
        raise InvalidError(f"Say why, in at most {LONGEST} characters: the reason is kept.")
    key = addresses.identity_key(addresses.normalise(address))
    reader = session.scalar(select(Subscriber).where(Subscriber.address_key == key).with_for_update())
    found = suppressions.find_suppression(session, suppression_key, key)
    if found is None:
        raise NotFoundError("This address is not suppressed.")
    session.add(Unsuppression(key_hash=found.key_hash, reason=found.reason, why=why))
    session.delete(found)
    if reader is not None and reader.status in (SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED):
        reader.status = SubscriberStatus.UNSUBSCRIBED
        reader.unsubscribed_at = clock.now()
        reader.unsubscribe_reason = None
    return SuppressionReason(found.reason)
