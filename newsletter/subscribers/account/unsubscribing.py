"""Unsubscribing: at once, for good, and without a question.

For an hour it can be undone, but only by the page that answered it. The links of letters cannot: letters are forwarded,
and nobody who has one may bring a reader back.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.subscribers import lifecycle
from newsletter.subscribers.account import change_mails, links
from newsletter.subscribers.models import LinkChange, PastSubscription, Subscriber, SubscriberStatus, UnsubscribeReason
from newsletter.subscribers.status_transitions import ENDED
from newsletter.subscribers.suppression import suppressions

UNDO_WITHIN = timedelta(hours=1)


def unsubscribe(session: Session, token: str) -> tuple[Subscriber, bool]:
    """End the subscription that `token` belongs to; whether it had not ended yet. Raises LinkError."""
    reader = links.reader_of_token(session, token, for_change=True)
    return reader, lifecycle.unsubscribe(session, reader, by=READER)


def undo_token(keys: tuple[str, ...], reader: Subscriber) -> str:
    """A token that undoes what the reader has just done. A repeat gets none: it may be a stranger's."""
    return _signer(keys).sign(_end_of(reader))


def may_undo(keys: tuple[str, ...], reader: Subscriber, token: str) -> bool:
    """Whether this token can undo the reader's unsubscription."""
    try:
        end = _signer(keys).read(token, UNDO_WITHIN)
    except TokenError:
        return False
    return bool(reader.status == SubscriberStatus.UNSUBSCRIBED and end == _end_of(reader))


def undo_unsubscribe(session: Session, settings: Settings, token: str, undo: str) -> tuple[Subscriber, int | None]:
    """Make everything as it was, with preferences and pause; returns the id of the mail that tells the reader.

    For a reader who is subscribed nothing changes. Raises LinkError, and ConflictError when the token `undo` does not
    fit or mail to the address came back.
    """
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status not in ENDED:
        return reader, None
    suppression = suppressions.find_suppression(session, settings.suppression_key, reader.address_key)
    if reader.status != SubscriberStatus.UNSUBSCRIBED or suppressions.blocks_confirmation(
        reader.status, suppression, clock.now()
    ):
        raise ConflictError("unsubscribe.not_mailable", NOT_MAILABLE)
    if not may_undo(settings.signing_keys, reader, undo):
        raise ConflictError("unsubscribe.undo_over", UNDO_OVER)
    lifecycle.undo_unsubscribe(session, settings.suppression_key, reader, by=READER)
    return reader, change_mails.tell_reader(session, reader, LinkChange.RETURN)


NOT_MAILABLE = gettext_noop(
    "Email to this address came back or was reported as spam, so we do not write to it any more."
)
UNDO_OVER = gettext_noop(
    "This can be undone for an hour, on the page that you saw after unsubscribing. To get letters again, sign up again."
)


def give_reason(session: Session, token: str, reason: str) -> Subscriber:
    """Keep why the reader of `token` unsubscribed; the last reason counts. Other readers' rows stay as they are.

    Raises LinkError, and InvalidError for any reason but the four.
    """
    if reason not in tuple(UnsubscribeReason):
        raise InvalidError("unsubscribe.unknown_reason", gettext_noop("Choose one of the four reasons, or none."))
    reader = links.reader_of_token(session, token, for_change=True)
    lifecycle.give_reason(session, reader, UnsubscribeReason(reason))
    return reader


def _end_of(reader: Subscriber) -> list[object]:
    """Stands in a token for this end of the reader's subscription."""
    return [reader.id, reader.unsubscribed_at.isoformat() if reader.unsubscribed_at else None]


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "undo-unsubscribe")


def reason_counts(session: Session, since: datetime) -> Counter[str | None]:
    """Count the readers who unsubscribed since then, by reason; None: they gave none."""
    rows = session.execute(
        select(Subscriber.unsubscribe_reason, func.count())
        .where(Subscriber.status == SubscriberStatus.UNSUBSCRIBED, Subscriber.unsubscribed_at >= since)
        .group_by(Subscriber.unsubscribe_reason)
    )
    past = session.execute(
        select(PastSubscription.reason, func.count())
        .where(PastSubscription.ended_as == SubscriberStatus.UNSUBSCRIBED, PastSubscription.ended_at >= since)
        .group_by(PastSubscription.reason)
    )
    counts: Counter[str | None] = Counter()
    for reason, count in (*rows.all(), *past.all()):
        counts[reason] += count
    return counts
