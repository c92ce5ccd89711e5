"""Whether a subscriber can change to an address, and whether its owner gets a mail about it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.ids import AddressKey
from newsletter.subscribers import backoff
from newsletter.subscribers.models import AddressChange, Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppressions


def may_be_mailed(session: Session, settings: Settings, reader: Subscriber, change: AddressChange) -> bool:
    """Whether the mail to the new address goes out.

    The address must be nobody else's and take mail. Neither another reader's request nor a sign-up may have mailed it a
    moment before: the pause doubles with each mail, whoever requests it. Requests without a mail do not count, or
    anybody could keep an address from its owner by requesting it.
    """
    if not is_free(session, settings, reader, change.address_key):
        return False
    since = change.requested_at - backoff.RESET_AFTER
    changes = select(AddressChange.requested_at, AddressChange.id).where(
        AddressChange.address_key == change.address_key,
        AddressChange.changed_at.is_(None),
        AddressChange.requested_at > since,
    )
    signups = select(Subscriber.confirmation_sent_at).where(
        other_subscribers(reader, change.address_key),
        Subscriber.confirmation_sent_at > since,
        Subscriber.confirmation_sent_at <= change.requested_at,
    )
    before = [at for at, number in session.execute(changes) if (at, number) < (change.requested_at, change.id)]
    before += [at for at in session.scalars(signups) if at is not None]
    last_mail, mails = None, 0
    for at in sorted(before):
        if last_mail is None or at - last_mail >= backoff.pause_after(mails):
            last_mail, mails = at, mails + 1
    return last_mail is None or change.requested_at - last_mail >= backoff.pause_after(mails)


def is_free(session: Session, settings: Settings, reader: Subscriber, address_key: AddressKey) -> bool:
    """Whether no other subscriber has the address, and it may be mailed. A pending subscriber does not have it yet."""
    other = session.scalar(select(Subscriber).where(other_subscribers(reader, address_key)))
    if other is not None and other.status != SubscriberStatus.PENDING:
        return False
    suppression = suppressions.find_suppression(session, settings.suppression_key, address_key)
    return not suppressions.blocks_confirmation(None, suppression, clock.now())


def other_subscribers(reader: Subscriber, address_key: AddressKey) -> ColumnElement[bool]:
    """The condition for other subscribers with this address."""
    return (Subscriber.address_key == address_key) & (Subscriber.id != reader.id)
