"""The links that readers get by mail, and whom they belong to."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import tokens
from newsletter.core.errors import NotFoundError
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.subscribers.models import Subscriber

CONFIRMATION_AGE = timedelta(days=7)


class LinkError(NotFoundError):
    """A link is mangled, forged, too old, or its reader is gone; the message says what to do."""


def reader_of_token(session: Session, token: str, *, for_change: bool = False) -> Subscriber:
    """The reader whose own token this is. Raises LinkError."""
    token, found = tokens.clean_token(token), None
    if tokens.is_random_token(token):
        query = select(Subscriber).where(Subscriber.token == token)
        found = session.scalar(query.with_for_update() if for_change else query)
    if found is None:
        raise LinkError(
            "It may have been cut by a mail program: each of our letters ends with a whole one. "
            "Or its reader has erased everything that we kept, and then no letter comes any more."
        )
    return found


def confirmation_token(keys: tuple[str, ...], subscriber: Subscriber) -> str:
    """A signed token that proves, for seven days, that someone read the confirmation mail asked for at `requested_at`."""
    return _signer(keys).sign([subscriber.id, (subscriber.confirmation_sent_at or subscriber.created_at).isoformat()])


def read_confirmation_token(
    session: Session, keys: tuple[str, ...], token: str, *, for_change: bool = False
) -> tuple[Subscriber, datetime]:
    """The reader whom a confirmation link belongs to, and when it was asked for. Raises LinkError."""
    try:
        subscriber_id, asked = _signer(keys).read(token, CONFIRMATION_AGE)
    except TokenError as error:
        raise LinkError(
            "A confirmation link works for 7 days, and only whole: mail programs sometimes cut them. "
            "Sign up again, and we send you a new one."
        ) from error
    subscriber = session.get(Subscriber, subscriber_id, with_for_update=for_change)
    if subscriber is None:
        raise LinkError("This sign-up is not kept any more. Sign up again, and we send you a new link.")
    return subscriber, datetime.fromisoformat(asked)


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "confirm")
