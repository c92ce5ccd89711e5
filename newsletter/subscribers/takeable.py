"""Whether a reader who is moving can have an address, and whether its owner is asked."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.subscribers import suppressions
from newsletter.subscribers.deciding import FRESH_AFTER, period
from newsletter.subscribers.models import AddressChange, Status, Subscriber


def may_be_asked(session: Session, settings: Settings, reader: Subscriber, change: AddressChange) -> bool:
    """Whether the mail to the new address goes out: the address is nobody else's and takes mail, and no other reader
    has asked it, nor somebody signed it up, a moment before. The pause doubles with each mail, however many readers
    ask; those that sent none do not count, so that nobody can keep an address from its owner by asking it.
    """
    if not is_free(session, settings, reader, change.address_key):
        return False
    since = change.asked_at - FRESH_AFTER
    changes = select(AddressChange.asked_at, AddressChange.id).where(
        AddressChange.address_key == change.address_key,
        AddressChange.moved_at.is_(None),
        AddressChange.asked_at > since,
    )
    signed_up = select(Subscriber.asked_at).where(
        others(reader, change.address_key), Subscriber.asked_at > since, Subscriber.asked_at <= change.asked_at
    )
    before = [at for at, number in session.execute(changes) if (at, number) < (change.asked_at, change.id)]
    before += [at for at in session.scalars(signed_up) if at is not None]
    last, times = None, 0
    for at in sorted(before):
        if last is None or at - last >= period(times):
            last, times = at, times + 1
    return last is None or change.asked_at - last >= period(times)


def is_free(session: Session, settings: Settings, reader: Subscriber, address_key: str) -> bool:
    """Whether nobody else has the address, and it may be written to. Who never confirmed it has it not."""
    other = session.scalar(select(Subscriber).where(others(reader, address_key)))
    found = suppressions.find(session, settings.suppression_key, address_key)
    return (other is None or other.status == Status.PENDING) and not suppressions.holds(None, found, clock.now())


def others(reader: Subscriber, address_key: str) -> ColumnElement[bool]:
    """Whoever else has the address."""
    return (Subscriber.address_key == address_key) & (Subscriber.id != reader.id)
