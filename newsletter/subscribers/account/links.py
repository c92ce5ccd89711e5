"""The links that readers get by mail, and the readers that they belong to."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import tokens
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.subscribers import past_subscriptions
from newsletter.subscribers.models import Subscriber

CONFIRMATION_AGE = timedelta(days=7)


class LinkError(NotFoundError):
    """A link is mangled, forged or too old, or its reader is gone; the message says how to get another."""


class PastSubscriptionError(LinkError):
    """A link is a reader's of whom little is left, some time after the end."""


CUT_OR_ERASED = gettext_noop(
    "An email program may have cut it: each of our letters ends with a whole one. Or its reader has erased all data, "
    "and then no letter comes any more."
)
PAST = gettext_noop(
    "This subscription ended some time ago, and no letter comes any more. We deleted the address and the preferences. "
    "What is left is a code that the address cannot be read from, and what was agreed to by signing up."
)
CONFIRMATION_CUT = gettext_noop(
    "A confirmation link works for 7 days, and only whole: email programs sometimes cut them. Sign up again, and we "
    "send you a new one."
)
SIGNUP_GONE = gettext_noop("This sign-up is not kept any more. Sign up again, and we send you a new link.")


def reader_of_token(session: Session, token: str, *, for_change: bool = False) -> Subscriber:
    """The reader with this token, as the links in letters carry it; `for_change` locks the row.

    Raises LinkError; PastSubscriptionError for one who ended the subscription long ago.
    """
    token, reader = tokens.clean_token(token), None
    if tokens.is_random_token(token):
        query = select(Subscriber).where(Subscriber.token == token)
        reader = session.scalar(query.with_for_update() if for_change else query)
        if reader is None and past_subscriptions.is_past(session, token):
            raise PastSubscriptionError("link.past_subscription", PAST)
    if reader is None:
        raise LinkError("link.unknown", CUT_OR_ERASED)
    return reader


def confirmation_token(keys: tuple[str, ...], subscriber: Subscriber) -> str:
    """A signed token that proves, for seven days, that someone read the reader's last confirmation mail."""
    return _signer(keys).sign([subscriber.id, (subscriber.confirmation_sent_at or subscriber.created_at).isoformat()])


def read_confirmation_token(
    session: Session, keys: tuple[str, ...], token: str, *, for_change: bool = False
) -> tuple[Subscriber, datetime]:
    """The reader whom a confirmation link belongs to, and when its mail was requested. Raises LinkError."""
    try:
        subscriber_id, requested_at = _signer(keys).read(token, CONFIRMATION_AGE)
    except TokenError as error:
        raise LinkError("link.confirmation_invalid", CONFIRMATION_CUT) from error
    reader = session.get(Subscriber, subscriber_id, with_for_update=for_change)
    if reader is None:
        raise LinkError("link.signup_gone", SIGNUP_GONE)
    return reader, datetime.fromisoformat(requested_at)


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "confirm")
