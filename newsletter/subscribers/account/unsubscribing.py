"""Leaving: at once, for good, and without a question. For a day it can be taken back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.subscribers.account import links
from newsletter.subscribers.models import Subscriber, SubscriberStatus, UnsubscribeReason
from newsletter.subscribers.suppression import suppressions

ENDED = (SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED)
"""No letter goes to these; leaving again keeps the reason and the time that are known."""

UNDO_WITHIN = timedelta(hours=24)


def unsubscribe(session: Session, token: str) -> Subscriber:
    """End the subscription that `token` belongs to; a repeat changes nothing. Raises LinkError."""
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status not in ENDED:
        reader.status = SubscriberStatus.UNSUBSCRIBED
        reader.unsubscribed_at = clock.now()
        reader.unsubscribe_reason = None
    return reader


def may_undo(reader: Subscriber) -> bool:
    """Whether leaving can still be taken back without a new sign-up."""
    return (
        reader.status == SubscriberStatus.UNSUBSCRIBED
        and reader.unsubscribed_at is not None
        and clock.now() - reader.unsubscribed_at < UNDO_WITHIN
    )


def undo_unsubscribe(session: Session, suppression_key: str, token: str) -> Subscriber:
    """Take leaving back: everything is as it was, with preferences and pause. For whoever has not left, nothing changes.

    Raises LinkError, and ConflictError when it is too late or the address takes no mail any more.
    """
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status not in ENDED:
        return reader
    found = suppressions.find_suppression(session, suppression_key, reader.address_key)
    if reader.status != SubscriberStatus.UNSUBSCRIBED or suppressions.blocks_confirmation(
        reader.status, found, clock.now()
    ):
        raise ConflictError(
            "Mail to this address has come back, or was reported as spam, so we do not write to it any more."
        )
    if not may_undo(reader):
        raise ConflictError("Leaving can be taken back for 24 hours. Sign up again, and the letter comes again.")
    reader.unsubscribed_at = reader.unsubscribe_reason = None
    reader.status = SubscriberStatus.PENDING
    if reader.confirmed_at:
        reader.status = SubscriberStatus.ACTIVE
        suppressions.remove_suppression(session, suppression_key, reader.address_key)
    return reader


def give_reason(session: Session, token: str, reason: str) -> Subscriber:
    """Keep why the reader of `token` left; the last word counts. Nothing changes for whoever has not left.

    Raises LinkError, and InvalidError for a reason that is none of the four.
    """
    if reason not in tuple(UnsubscribeReason):
        raise InvalidError("Choose one of the four reasons, or none.")
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status == SubscriberStatus.UNSUBSCRIBED:
        reader.unsubscribe_reason = UnsubscribeReason(reason)
    return reader


def reason_counts(session: Session, since: datetime) -> Counter[str | None]:
    """How many left since then, by reason; None: they did not say."""
    rows = session.execute(
        select(Subscriber.unsubscribe_reason, func.count())
        .where(Subscriber.status == SubscriberStatus.UNSUBSCRIBED, Subscriber.unsubscribed_at >= since)
        .group_by(Subscriber.unsubscribe_reason)
    )
    return Counter(dict(rows.all()))
