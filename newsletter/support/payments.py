"""Storing payments, each once however often it is posted."""

from __future__ import annotations

import hmac

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import dialect_insert, insert_ignoring
from newsletter.core.errors import NotFoundError
from newsletter.mail import outgoing_mails
from newsletter.support.kofi_payload import Payment
from newsletter.support.models import RefusalReason, RefusedPost, SupportPayment
from newsletter.support.thank_you import ThankYou


def store_payment(session: Session, settings: Settings, payment: Payment) -> bool:
    """Store a payment, and its thank-you mail if the settings want one; False for a repeat, which changes nothing.

    Two posts of one payment that come together are told apart by the unique keys. Renewals are not thanked for each
    month. After the commit the caller queues a job (`Queues.enqueue_mails`).
    """
    row = {
        "message_hash": _keyed(settings, "message", payment.message_id),
        "transaction_hash": _keyed(settings, "transaction", payment.transaction_id) if payment.transaction_id else None,
        "day": payment.day,
        "kind": payment.kind,
        "currency": payment.money.currency,
        "exponent": payment.money.exponent,
        "minor_units": payment.money.minor_units,
        "is_public": payment.is_public,
        "name": payment.name or None,
        "words": payment.words or None,
    }
    if not insert_ignoring(session, SupportPayment, [row]):
        return False
    if settings.kofi_thank_you and payment.address and not payment.is_renewal:
        outgoing_mails.add_mail(session, ThankYou(payment.address), subscriber_id=None)
    return True


def delete_payment(session: Session, payment_id: int) -> None:
    """Delete a payment, private or public: Ko-fi's test, or one that was paid back, of which Ko-fi tells nothing.

    Raises NotFoundError.
    """
    deleted = session.scalar(delete(SupportPayment).where(SupportPayment.id == payment_id).returning(SupportPayment.id))
    if deleted is None:
        raise NotFoundError("support.no_payment", "There is no payment %(payment)s.", payment=str(payment_id))


def count_refused(session: Session, settings: Settings, reason: RefusalReason) -> None:
    """Count a post that was refused today."""
    day = clock.today(settings.timezone)
    statement = dialect_insert(session, RefusedPost).values(day=day, reason=reason, count=1)
    statement = statement.on_conflict_do_update(index_elements=["day", "reason"], set_={"count": RefusedPost.count + 1})
    session.connection().execute(statement)


def refused_posts(session: Session) -> dict[RefusalReason, int]:
    """All posts that were refused, by reason."""
    counted = select(RefusedPost.reason, func.sum(RefusedPost.count)).group_by(RefusedPost.reason)
    return {reason: int(count) for reason, count in session.execute(counted)}


def _keyed(settings: Settings, use: str, identifier: str) -> bytes:
    """A keyed hash that recognises a repeat. Somebody who knows a payment cannot find its row without the key."""
    key = hmac.digest(settings.suppression_key.encode(), b"kofi " + use.encode(), "sha256")
    return hmac.digest(key, identifier.encode(), "sha256")
