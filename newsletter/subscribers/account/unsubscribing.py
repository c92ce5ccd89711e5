"""Unsubscribing: at once, for good, and without a question. For a day it can be undone."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.ids import SuppressionKey
from newsletter.core.languages import gettext_noop
from newsletter.subscribers import lifecycle
from newsletter.subscribers.account import links
from newsletter.subscribers.models import Subscriber, SubscriberStatus, UnsubscribeReason
from newsletter.subscribers.status_transitions import ENDED
from newsletter.subscribers.suppression import suppressions

UNDO_WITHIN = timedelta(hours=24)


def unsubscribe(session: Session, token: str) -> Subscriber:
    """End the subscription that `token` belongs to; a repeat changes nothing. Raises LinkError."""
    reader = links.reader_of_token(session, token, for_change=True)
    lifecycle.unsubscribe(session, reader, by=READER)
    return reader


def may_undo(reader: Subscriber) -> bool:
    """Whether the end of a subscription can still be undone without a new sign-up."""
    return (
        reader.status == SubscriberStatus.UNSUBSCRIBED
        and reader.unsubscribed_at is not None
        and clock.now() - reader.unsubscribed_at < UNDO_WITHIN
    )


def undo_unsubscribe(session: Session, suppression_key: SuppressionKey, token: str) -> Subscriber:
    """Make everything as it was, with preferences and pause. For a reader who is subscribed nothing changes.

    Raises LinkError, and ConflictError when it is too late or mail to the address came back.
    """
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status not in ENDED:
        return reader
    suppression = suppressions.find_suppression(session, suppression_key, reader.address_key)
    if reader.status != SubscriberStatus.UNSUBSCRIBED or suppressions.blocks_confirmation(
        reader.status, suppression, clock.now()
    ):
        raise ConflictError("unsubscribe.not_mailable", NOT_MAILABLE)
    if not may_undo(reader):
        raise ConflictError("unsubscribe.too_late", TOO_LATE)
    lifecycle.undo_unsubscribe(session, suppression_key, reader, by=READER)
    return reader


NOT_MAILABLE = gettext_noop(
    "Email to this address came back or was reported as spam, so we do not write to it any more."
)
TOO_LATE = gettext_noop("You can undo this for 24 hours only. To get letters again, sign up again.")


def give_reason(session: Session, token: str, reason: str) -> Subscriber:
    """Keep why the reader of `token` unsubscribed; the last reason counts. Other readers' rows stay as they are.

    Raises LinkError, and InvalidError for a reason that is none of the four.
    """
    if reason not in tuple(UnsubscribeReason):
        raise InvalidError("unsubscribe.unknown_reason", gettext_noop("Choose one of the four reasons, or none."))
    reader = links.reader_of_token(session, token, for_change=True)
    lifecycle.give_reason(session, reader, UnsubscribeReason(reason))
    return reader


def reason_counts(session: Session, since: datetime) -> Counter[str | None]:
    """Count the readers who unsubscribed since then, by reason; None: they gave none."""
    rows = session.execute(
        select(Subscriber.unsubscribe_reason, func.count())
        .where(Subscriber.status == SubscriberStatus.UNSUBSCRIBED, Subscriber.unsubscribed_at >= since)
        .group_by(Subscriber.unsubscribe_reason)
    )
    return Counter(dict(rows.all()))
