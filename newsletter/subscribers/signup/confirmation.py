"""Confirming: a reader becomes active, or becomes active again."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError
from newsletter.core.languages import gettext_noop
from newsletter.subscribers import lifecycle
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.signup.confirmation_links import read_confirmation_token
from newsletter.subscribers.suppression import suppressions


def reader_of_link(session: Session, settings: Settings, token: str, *, for_change: bool = False) -> Subscriber:
    """The reader of a confirmation link, who is active or may become so.

    An old link must not bring anyone back. Raises LinkError for a link that does not work, and ConflictError for a
    reader who unsubscribed after the link was sent, or whose address must not be mailed.
    """
    reader, requested_at = read_confirmation_token(session, settings.signing_keys, token, for_change=for_change)
    if reader.status == SubscriberStatus.ACTIVE:
        return reader
    suppression = suppressions.find_suppression(session, settings.suppression_key, reader.address_key)
    if suppressions.blocks_confirmation(reader.status, suppression, requested_at):
        raise ConflictError("confirmation.not_mailable", NOT_MAILABLE)
    if reader.unsubscribed_at is not None and reader.unsubscribed_at > requested_at:
        raise ConflictError("confirmation.unsubscribed_since", UNSUBSCRIBED_SINCE)
    return reader


NOT_MAILABLE = gettext_noop("This address cannot be emailed at the moment.")
UNSUBSCRIBED_SINCE = gettext_noop(
    "You have unsubscribed since this link was sent. Sign up again, and we send you a new one."
)


def confirm_subscription(session: Session, settings: Settings, token: str) -> Subscriber:
    """Make the reader of a confirmation link active; for an active one nothing changes.

    That they unsubscribed, or that a mail to them bounced long ago, does not count any more. Raises LinkError and
    ConflictError as `reader_of_link` does.
    """
    reader = reader_of_link(session, settings, token, for_change=True)
    if reader.status != SubscriberStatus.ACTIVE:
        lifecycle.confirm(session, settings.suppression_key, reader, by=READER)
    return reader
