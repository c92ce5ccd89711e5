"""Whether a reader who is moving can have an address, and whether its owner is asked."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.subscribers import backoff
from newsletter.subscribers.models import AddressChange, Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppressions


def may_be_mailed(session: Session, settings: Settings, reader: Subscriber, change: AddressChange) -> bool:
    """Whether the mail to the new address goes out: the address is nobody else's and takes mail, and no other reader
    has asked it, nor somebody signed it up, a moment before. The pause doubles with each mail, however many readers
    ask; those that sent none do not count, so that nobody can keep an address from its owner by asking it.
    """
    if not is_free(session, settings, reader, change.address_key):
        return False
    since = change.requested_at - backoff.RESET_AFTER
    changes = select(AddressChange.requested_at, AddressChange.id).where(
        AddressChange.address_key == change.address_key,
        AddressChange.changed_at.is_(None),
        AddressChange.requested_at > since,
    )
    signed_up = select(Subscriber.confirmation_sent_at).where(
        other_subscribers(reader, change.address_key),
        Subscriber.confirmation_sent_at > since,
        Subscriber.confirmation_sent_at <= change.requested_at,
    )
    before = [at for at, number in session.execute(changes) if (at, number) < (change.requested_at, change.id)]
    before += [at for at in session.scalars(signed_up) if at is not None]
    last, times = None, 0
    for at in sorted(before):
        if last is None or at - last >= backoff.pause_after(times):
            last, times = at, times + 1
    return last is None or change.requested_at - last >= backoff.pause_after(times)


def is_free(session: Session, settings: Settings, reader: Subscriber, address_key: str) -> bool:
    """Whether nobody else has the address, and it may be written to. Who never confirmed it has it not."""
    other = session.scalar(select(Subscriber).where(other_subscribers(reader, address_key)))
    found = suppressions.find_suppression(session, settings.suppression_key, address_key)
    return (other is None or other.status == SubscriberStatus.PENDING) and not suppressions.blocks_confirmation(
        None, found, clock.now()
    )


def other_subscribers(reader: Subscriber, address_key: str) -> ColumnElement[bool]:
    """Whoever else has the address."""
    return (Subscriber.address_key == address_key) & (Subscriber.id != reader.id)
