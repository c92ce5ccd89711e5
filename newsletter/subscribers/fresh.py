"""Fresh links: mailed when a reader asks for one, they prove that someone reads that mailbox now.

The link in a letter does not prove it: letters are forwarded. So what would hand a reader over (their data, erasure, a
change of address) opens by a fresh link alone. It works for a day, and only while the address is the one that it was
mailed to; opening it uses nothing up, since scanners open links too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.tokens import Signer, TokenError
from newsletter.mail import outgoing, single
from newsletter.mail.message import Message, Recipient
from newsletter.subscribers.deciding import FRESH_AFTER, period
from newsletter.subscribers.links import LinkError
from newsletter.subscribers.models import Format, FreshLink, Status, Subscriber

AGE = timedelta(hours=24)

NOT_MAILED = (Status.BOUNCED, Status.COMPLAINED)
"""No mail goes to these, not even one that is asked for."""


class Kind(StrEnum):
    """What a fresh link is for; templates/mail/single/<kind>_link.txt is its mail, /<kind>/<token> what it opens."""

    DATA = "data"
    ADDRESS = "address"


def may_ask(reader: Subscriber, kind: Kind) -> bool:
    """Whether a fresh link is mailed to this reader. Only a letter that comes can move to another address."""
    return reader.status == Status.ACTIVE if kind == Kind.ADDRESS else reader.status not in NOT_MAILED


def ask(session: Session, reader: Subscriber, kind: Kind) -> int | None:
    """Ask for a fresh link; the id of its mail, or None when none is due (see `wait`), or the reader may not ask.
    `reader` is locked by the caller.
    """
    if not may_ask(reader, kind) or wait(session, reader, kind):
        return None
    last, now = session.get(FreshLink, (reader.id, kind)), clock.now()
    times = last.asked_times if last is not None and now - last.asked_at < FRESH_AFTER else 0
    session.merge(FreshLink(subscriber_id=reader.id, kind=str(kind), asked_at=now, asked_times=times + 1))
    return outgoing.put(session, "fresh_link", {"subscriber": reader.id, "kind": str(kind)})


def wait(session: Session, reader: Subscriber, kind: Kind) -> timedelta:
    """How long no other link of this kind is mailed, whoever asks: anybody to whom a letter was forwarded may. The
    pause doubles with each in a row, as for sign-ups, up to a day: so long the last link works.
    """
    last = session.get(FreshLink, (reader.id, kind))
    if last is None:
        return timedelta()
    return max(last.asked_at + period(last.asked_times) - clock.now(), timedelta())


def end_all(session: Session, reader: Subscriber) -> None:
    """The links that were mailed work no more, since the address is confirmed anew: the next ones are due at once."""
    session.execute(
        delete(FreshLink).where(FreshLink.subscriber_id == reader.id),
        execution_options={"synchronize_session": "fetch"},
    )


def token(keys: tuple[str, ...], reader: Subscriber, kind: Kind) -> str:
    """A signed token for the reader, bound to the present address."""
    return _signer(keys, kind).sign([reader.id, _mailbox(reader)])


def reader_of(
    session: Session, keys: tuple[str, ...], kind: Kind, token: str, *, for_change: bool = False
) -> Subscriber:
    """The reader whom a fresh link belongs to. Raises LinkError."""
    try:
        subscriber_id, mailbox = _signer(keys, kind).read(token, AGE)
    except TokenError as error:
        raise LinkError(
            "It works for 24 hours, and only whole: mail programs sometimes cut such links. "
            "The choices that each of our letters links to have a button that mails you a new one."
        ) from error
    reader = session.get(Subscriber, subscriber_id, with_for_update=for_change)
    if reader is None:
        raise LinkError("Nothing is kept any more of the reader whom this link was for.")
    if mailbox != _mailbox(reader):
        raise LinkError(
            "The address has changed, or was confirmed anew, since this link was mailed. Ask for a new one."
        )
    return reader


def mail(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """The mail with the link. None when the reader is gone, or may not ask any more."""
    reader, kind = session.get(Subscriber, payload["subscriber"]), Kind(payload["kind"])
    if reader is None or not may_ask(reader, kind):
        return None
    link = settings.url(f"/{kind}/{token(settings.signing_keys, reader, kind)}")
    context = {"link": link, "hours": int(AGE.total_seconds()) // 3600}
    message = single.compose(
        settings,
        f"{kind}_link",
        context,
        mail_id=mail_id,
        id_salt=settings.message_id_salt,
        language=reader.language,
        text_only=reader.format == Format.TEXT,
    )
    return message, Recipient(mail_id, reader.address)


def _mailbox(reader: Subscriber) -> str:
    """Stands in a token for the address, and for when it was confirmed: a link that was mailed before a change of
    address does not open again once the change is taken back, since whoever made the change may have it. Nobody can
    work out the address from it.
    """
    confirmed = reader.confirmed_at.isoformat() if reader.confirmed_at else ""
    text = f"{reader.address_key} {confirmed}"
    return hashlib.blake2b(text.encode(), key=reader.token.encode(), digest_size=12).hexdigest()


def _signer(keys: tuple[str, ...], kind: Kind) -> Signer:
    return Signer(keys, f"fresh.{kind}")
