"""One-time links: mailed on request, they prove that someone reads the mailbox now.

The link in a letter does not prove it, since letters are forwarded. So a reader's data, their erasure and a change of
address need a one-time link. It works for a day, and only while the address is the one that it was mailed to. Opening
it uses nothing up, since scanners open links too.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.mail import outgoing_mails
from newsletter.subscribers import backoff
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.mail_payloads import OneTimeLinkMail
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import LinkPurpose, OneTimeLink, Subscriber, SubscriberStatus

LINK_AGE = timedelta(hours=24)

NOT_MAILED = (SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED)
"""No mail goes to these, not even one on request."""

CUT = gettext_noop(
    "It works for 24 hours, and only whole: email programs sometimes cut such links. You can request a new one on the "
    "page of preferences that each of our letters links to."
)
ERASED = gettext_noop("Nothing is kept any more about the reader whom this link was for.")
CONFIRMED_ANEW = gettext_noop(
    "The address has changed, or was confirmed again, since this link was sent. Request a new one."
)


def may_request(reader: Subscriber, purpose: LinkPurpose) -> bool:
    """Whether this reader is mailed such a link. Only active subscribers can change the address."""
    if purpose == LinkPurpose.ADDRESS:
        return reader.status == SubscriberStatus.ACTIVE
    return reader.status not in NOT_MAILED


def request_link(session: Session, pauses: MailboxPauses, reader: Subscriber, purpose: LinkPurpose) -> int | None:
    """Have a link mailed; returns the mail's id, or None when none is due (see `wait_before_next`) or allowed.

    Another reader's address may reach the same mailbox. Then this mail waits for the mailbox's pause, or is left out.
    `reader` is locked by the caller.
    """
    if not may_request(reader, purpose) or wait_before_next(session, reader, purpose):
        return None
    wait = pauses.wait_before_mail(reader.address_key, f"{purpose} link")
    if wait is None:
        return None
    last, now = session.get(OneTimeLink, (reader.id, purpose)), clock.now()
    before = last.requests if last is not None and now - last.requested_at < backoff.RESET_AFTER else 0
    session.merge(OneTimeLink(subscriber_id=reader.id, purpose=purpose, requested_at=now, requests=before + 1))
    not_before = now + wait if wait else None
    return outgoing_mails.add_mail(session, OneTimeLinkMail(purpose), subscriber_id=reader.id, not_before=not_before)


def wait_before_next(session: Session, reader: Subscriber, purpose: LinkPurpose) -> timedelta:
    """How long no other link of this purpose is mailed: anybody to whom a letter was forwarded can request one.

    The pause doubles with each mail in a row, as for sign-ups, up to a day, since the last link works that long.
    """
    last = session.get(OneTimeLink, (reader.id, purpose))
    if last is None:
        return timedelta()
    return max(last.requested_at + backoff.pause_after(last.requests) - clock.now(), timedelta())


def link_token(keys: tuple[str, ...], reader: Subscriber, purpose: LinkPurpose) -> str:
    """A signed token for the reader, bound to the present address."""
    return _signer(keys, purpose).sign([reader.id, _mailbox(reader)])


def reader_of(
    session: Session, keys: tuple[str, ...], purpose: LinkPurpose, token: str, *, for_change: bool = False
) -> Subscriber:
    """The reader whom a one-time link belongs to; `for_change` locks the row. Raises LinkError."""
    try:
        subscriber_id, mailbox = _signer(keys, purpose).read(token, LINK_AGE)
    except TokenError as error:
        raise LinkError("link.one_time_invalid", CUT) from error
    reader = session.get(Subscriber, subscriber_id, with_for_update=for_change)
    if reader is None:
        raise LinkError("link.erased", ERASED)
    if mailbox != _mailbox(reader):
        raise LinkError("link.confirmed_anew", CONFIRMED_ANEW)
    return reader


def _mailbox(reader: Subscriber) -> str:
    """Stands in a token for the address and the time of its confirmation; nobody can work out the address from it.

    With the time in it, a link that was mailed before a change of address does not open again once the change is
    undone: the person who made the change may have that link.
    """
    confirmed = reader.confirmed_at.isoformat() if reader.confirmed_at else ""
    text = f"{reader.address_key} {confirmed}"
    return hashlib.blake2b(text.encode(), key=reader.token.encode(), digest_size=12).hexdigest()


def _signer(keys: tuple[str, ...], purpose: LinkPurpose) -> TokenSigner:
    return TokenSigner(keys, f"fresh.{purpose}")
