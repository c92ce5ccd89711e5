"""Signing up: a row that waits for its reader's confirmation, and the mail that asks for it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.mail import outgoing
from newsletter.subscribers import addresses, choices, suppressions
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.inserting import insert_new
from newsletter.subscribers.models import Status, Subscriber

PERIOD = timedelta(minutes=10)
"""One confirmation mail at most is asked for an address in this time, whoever signs it up how often."""

MAY_CONFIRM = (Status.PENDING, Status.LEFT)


def signup(session: Session, key: str, address: str, wanted: Choices) -> int | None:
    """Sign an address up and return the id of the mail that asks for a confirmation, or None when none is due.

    The door answers alike in both cases: nobody learns from it whether an address is known. A reader who is active
    keeps everything as it is; one who left, or has not confirmed yet, gets the choices made last. An address that
    bounced or complained is not written to, though its reader be erased (`key` is SUPPRESSION_KEY). Raises InvalidError
    when `address` is none.
    """
    address = addresses.normalise(address)
    if not suppressions.may_be_asked(session, key, addresses.key(address)):
        return None
    reader = _find_or_add(session, address, wanted)
    if reader.status not in MAY_CONFIRM:
        return None
    choices.change(reader, wanted)
    now = clock.now()
    if reader.asked_at is not None and now - reader.asked_at < PERIOD:
        return None
    reader.asked_at = now
    return outgoing.put(session, "confirmation", {"subscriber": reader.id, "asked_at": now.isoformat()})


def _find_or_add(session: Session, address: str, wanted: Choices) -> Subscriber:
    """The reader of this address, locked; two sign-ups at the same moment find the same one."""
    key = addresses.key(address)
    query = select(Subscriber).where(Subscriber.address_key == key).with_for_update()
    found = session.scalar(query)
    if found is None:
        insert_new(session, [{"address": address, "address_key": key, **wanted.columns()}])
        found = session.scalars(query).one()
    return found
