"""Fresh links: mailed when a reader asks for one, they prove that someone reads that mailbox now.

The link in a letter does not prove it: letters are forwarded. So what would hand a reader over (their data, erasure, a
change of address) opens by a fresh link alone. It works for a day, and only while the address is the one that it was
mailed to; opening it uses nothing up, since scanners open links too.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.mail import outgoing
from newsletter.subscribers import backoff
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.mail_payloads import OneTimeLinkMail
from newsletter.subscribers.models import LinkPurpose, OneTimeLink, Subscriber, SubscriberStatus

LINK_AGE = timedelta(hours=24)

NOT_MAILED = (SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED)
"""No mail goes to these, not even one that is asked for."""


def may_request(reader: Subscriber, purpose: LinkPurpose) -> bool:
    """Whether a fresh link is mailed to this reader. Only a letter that comes can move to another address."""
    return (
        reader.status == SubscriberStatus.ACTIVE if purpose == LinkPurpose.ADDRESS else reader.status not in NOT_MAILED
    )


def request_link(session: Session, reader: Subscriber, purpose: LinkPurpose) -> int | None:
    """Ask for a fresh link; the id of its mail, or None when none is due (see `wait`), or the reader may not ask.
    `reader` is locked by the caller.
    """
    if not may_request(reader, purpose) or wait_before_next(session, reader, purpose):
        return None
    last, now = session.get(OneTimeLink, (reader.id, purpose)), clock.now()
    times = last.requests if last is not None and now - last.requested_at < backoff.RESET_AFTER else 0
    session.merge(OneTimeLink(subscriber_id=reader.id, purpose=purpose, requested_at=now, requests=times + 1))
    return outgoing.add_mail(session, OneTimeLinkMail(purpose), subscriber_id=reader.id)


def wait_before_next(session: Session, reader: Subscriber, purpose: LinkPurpose) -> timedelta:
    """How long no other link of this purpose is mailed, whoever asks: anybody to whom a letter was forwarded may. The
    pause doubles with each in a row, as for sign-ups, up to a day: so long the last link works.
    """
    last = session.get(OneTimeLink, (reader.id, purpose))
    if last is None:
        return timedelta()
    return max(last.requested_at + backoff.pause_after(last.requests) - clock.now(), timedelta())


def revoke_all(session: Session, reader: Subscriber) -> None:
    """The links that were mailed work no more, since the address is confirmed anew: the next ones are due at once."""
    session.execute(
        delete(OneTimeLink).where(OneTimeLink.subscriber_id == reader.id),
        execution_options={"synchronize_session": "fetch"},
    )


def link_token(keys: tuple[str, ...], reader: Subscriber, purpose: LinkPurpose) -> str:
    """A signed token for the reader, bound to the present address."""
    return _signer(keys, purpose).sign([reader.id, _mailbox(reader)])


def reader_of(
    session: Session, keys: tuple[str, ...], purpose: LinkPurpose, token: str, *, for_change: bool = False
) -> Subscriber:
    """The reader whom a fresh link belongs to. Raises LinkError."""
    try:
        subscriber_id, mailbox = _signer(keys, purpose).read(token, LINK_AGE)
    except TokenError as error:
        raise LinkError(
            "It works for 24 hours, and only whole: mail programs sometimes cut such links. "
            "The preferences that each of our letters links to have a button that mails you a new one."
        ) from error
    reader = session.get(Subscriber, subscriber_id, with_for_update=for_change)
    if reader is None:
        raise LinkError("Nothing is kept any more of the reader whom this link was for.")
    if mailbox != _mailbox(reader):
        raise LinkError(
            "The address has changed, or was confirmed anew, since this link was mailed. Ask for a new one."
        )
    return reader


def _mailbox(reader: Subscriber) -> str:
    """Stands in a token for the address, and for when it was confirmed: a link that was mailed before a change of
    address does not open again once the change is taken back, since whoever made the change may have it. Nobody can
    work out the address from it.
    """
    confirmed = reader.confirmed_at.isoformat() if reader.confirmed_at else ""
    text = f"{reader.address_key} {confirmed}"
    return hashlib.blake2b(text.encode(), key=reader.token.encode(), digest_size=12).hexdigest()


def _signer(keys: tuple[str, ...], purpose: LinkPurpose) -> TokenSigner:
    return TokenSigner(keys, f"fresh.{purpose}")
