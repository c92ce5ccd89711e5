"""Lifting a suppression by hand, with a reason that is kept: the only way back after a complaint."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import InvalidError, NotFoundError
from newsletter.subscribers import addresses, suppressions
from newsletter.subscribers.models import LiftedSuppression, Reason, Status, Subscriber

LONGEST = 500
"""Characters of a reason."""


def lift(session: Session, suppression_key: str, address: str, why: str) -> Reason:
    """Lift the suppression of an address, whatever it was for; returns what it was for.

    No letter comes of it: a reader who bounced or complained counts as one who has left, and may sign up and confirm.
    Raises InvalidError without a reason, NotFoundError for an address that is not suppressed.
    """
    why = " ".join(why.split())
    if not why or len(why) > LONGEST or not why.isprintable():
        raise InvalidError(f"Say why, in at most {LONGEST} characters: the reason is kept.")
    key = addresses.key(addresses.normalise(address))
    reader = session.scalar(select(Subscriber).where(Subscriber.address_key == key).with_for_update())
    found = suppressions.find(session, suppression_key, key)
    if found is None:
        raise NotFoundError("This address is not suppressed.")
    session.add(LiftedSuppression(key_hash=found.key_hash, reason=found.reason, why=why))
    session.delete(found)
    if reader is not None and reader.status in (Status.BOUNCED, Status.COMPLAINED):
        reader.status = Status.LEFT
        reader.left_at = clock.now()
        reader.left_reason = None
    return Reason(found.reason)
