"""Leaving: at once, for good, and without a question. For a day it can be taken back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.subscribers import links, suppressions
from newsletter.subscribers.models import Status, Subscriber

ENDED = (Status.LEFT, Status.BOUNCED, Status.COMPLAINED)
"""No letter goes to these; leaving again keeps the reason and the time that are known."""

UNDO = timedelta(hours=24)


class LeftReason(StrEnum):
    """Why a reader left, if they choose to say it. The four words are fixed: free text would be personal."""

    OFTEN = "often"
    CONTENT = "content"
    TRUST = "trust"
    OTHER = "other"


def leave(session: Session, token: str) -> Subscriber:
    """End the subscription that `token` belongs to; a repeat changes nothing. Raises LinkError."""
    reader = links.owner(session, token, for_change=True)
    if reader.status not in ENDED:
        reader.status = Status.LEFT
        reader.left_at = clock.now()
        reader.left_reason = None
    return reader


def may_undo(reader: Subscriber) -> bool:
    """Whether leaving can still be taken back without a new sign-up."""
    return reader.status == Status.LEFT and reader.left_at is not None and clock.now() - reader.left_at < UNDO


def undo(session: Session, suppression_key: str, token: str) -> Subscriber:
    """Take leaving back: everything is as it was, with choices and pause. For whoever has not left, nothing changes.

    Raises LinkError, and ConflictError when it is too late or the address takes no mail any more.
    """
    reader = links.owner(session, token, for_change=True)
    if reader.status not in ENDED:
        return reader
    found = suppressions.find(session, suppression_key, reader.address_key)
    if reader.status != Status.LEFT or suppressions.holds(reader.status, found, clock.now()):
        raise ConflictError(
            "Mail to this address has come back, or was reported as spam, so we do not write to it any more."
        )
    if not may_undo(reader):
        raise ConflictError("Leaving can be taken back for 24 hours. Sign up again, and the letter comes again.")
    reader.left_at = reader.left_reason = None
    reader.status = Status.PENDING
    if reader.confirmed_at:
        reader.status = Status.ACTIVE
        suppressions.lift(session, suppression_key, reader.address_key)
    return reader


def say_why(session: Session, token: str, reason: str) -> Subscriber:
    """Keep why the reader of `token` left; the last word counts. Nothing changes for whoever has not left.

    Raises LinkError, and InvalidError for a reason that is none of the four.
    """
    if reason not in tuple(LeftReason):
        raise InvalidError("Choose one of the four reasons, or none.")
    reader = links.owner(session, token, for_change=True)
    if reader.status == Status.LEFT:
        reader.left_reason = reason
    return reader


def reasons(session: Session, since: datetime) -> Counter[str | None]:
    """How many left since then, by reason; None: they did not say."""
    rows = session.execute(
        select(Subscriber.left_reason, func.count())
        .where(Subscriber.status == Status.LEFT, Subscriber.left_at >= since)
        .group_by(Subscriber.left_reason)
    )
    return Counter(dict(rows.all()))
