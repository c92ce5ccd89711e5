"""Confirming: a reader becomes active, or comes back."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError
from newsletter.subscribers.account import links, one_time_links
from newsletter.subscribers.models import Consent, Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppressions


def reader_of_link(session: Session, settings: Settings, token: str, *, for_change: bool = False) -> Subscriber:
    """The reader of a confirmation link: someone who is active, or may become so.

    Raises LinkError for a link that does not work, and ConflictError for a reader who left after the link was asked
    for, or whose address must not be mailed: an old link must not bring anyone back.
    """
    reader, asked = links.read_confirmation_token(session, settings.signing_keys, token, for_change=for_change)
    if reader.status == SubscriberStatus.ACTIVE:
        return reader
    if suppressions.blocks_confirmation(
        reader.status, suppressions.find_suppression(session, settings.suppression_key, reader.address_key), asked
    ):
        raise ConflictError("This address cannot be mailed at the moment.")
    if reader.unsubscribed_at is not None and reader.unsubscribed_at > asked:
        raise ConflictError("You have left since this link was sent. Sign up again, and we send you a new one.")
    return reader


def confirm_subscription(session: Session, settings: Settings, token: str) -> Subscriber:
    """Make the reader of a confirmation link active; for one who is, nothing changes. Raises as `who` does.

    That they had left, or that a mail to them bounced long ago, is not held against them any more.
    """
    reader = reader_of_link(session, settings, token, for_change=True)
    if reader.status != SubscriberStatus.ACTIVE:
        now = clock.now()
        reader.status = SubscriberStatus.ACTIVE
        reader.confirmed_at = now
        reader.unsubscribed_at = reader.unsubscribe_reason = reader.paused_until = None
        one_time_links.revoke_all(session, reader)
        suppressions.remove_suppression(session, settings.suppression_key, reader.address_key)
        session.execute(
            update(Consent)
            .where(Consent.subscriber_id == reader.id, Consent.confirmed_at.is_(None))
            .values(confirmed_at=now)
            .execution_options(synchronize_session=False)
        )
    return reader
