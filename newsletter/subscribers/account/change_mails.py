"""Mails that tell readers what the links of letters changed: letters are forwarded, and their links with them.

A reader gets one in a day at most, and hears of every change. Further ones are added to the mail that waits, or bring
one that is due a day after the last. Unsubscribing mails nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.mail import outgoing_mails
from newsletter.subscribers.mail_payloads import ChangedByLink
from newsletter.subscribers.models import LinkChange, Subscriber, SubscriberStatus

ONCE_IN = timedelta(days=1)


def tell_reader(session: Session, reader: Subscriber, change: LinkChange) -> int | None:
    """Have an active reader told of a change; returns the id of a mail that is due now, or None.

    `reader` is locked by the caller.
    """
    if reader.status != SubscriberStatus.ACTIVE:
        return None
    now = clock.now()

    def add_change(waiting: ChangedByLink) -> ChangedByLink:
        return ChangedByLink(tuple(dict.fromkeys((*waiting.changes, str(change)))), now)

    if outgoing_mails.amend_mail(session, ChangedByLink, reader.id, add_change):
        return None
    last = reader.change_mail_at
    due_at = now if last is None else max(now, last + ONCE_IN)
    if not _reserve(session, reader, last, due_at):
        return None
    is_due = due_at == now
    mail = ChangedByLink((str(change),), now)
    mail_id = outgoing_mails.add_mail(session, mail, subscriber_id=reader.id, not_before=None if is_due else due_at)
    return mail_id if is_due else None  # the clock finds the other


def _reserve(session: Session, reader: Subscriber, last: datetime | None, due_at: datetime) -> bool:
    """Write down when the next mail is due; False when somebody else has done so since `last` was read."""
    result = session.execute(
        update(Subscriber)
        .where(Subscriber.id == reader.id, Subscriber.change_mail_at.is_not_distinct_from(last))
        .values(change_mail_at=due_at),
        execution_options={"synchronize_session": "fetch"},
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
