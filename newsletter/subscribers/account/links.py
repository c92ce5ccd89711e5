"""The links that readers get by mail, and the readers that they belong to."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import tokens
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.subscribers import past_subscriptions
from newsletter.subscribers.models import Subscriber


class LinkError(NotFoundError):
    """A link is mangled, forged or too old, or its reader is gone; the message says how to get another."""


class PastSubscriptionError(LinkError):
    """A link is a reader's of whom little is left, some time after the end."""


CUT_OR_ERASED = gettext_noop(
    "An email program may have cut it: each of our letters ends with a whole one. Or its reader has erased all data, "
    "and then no letter comes any more."
)
TEST = gettext_noop(
    "This email was a test by our editors. Its links belong to no reader, so they open nothing and change nothing."
)
PAST = gettext_noop(
    "This subscription ended some time ago, and no letter comes any more. We deleted the address and the preferences. "
    "What is left is a code that the address cannot be read from, and what was agreed to by signing up."
)


def reader_of_token(session: Session, token: str, *, for_change: bool = False) -> Subscriber:
    """The reader with this token, as the links in letters carry it; `for_change` locks the row.

    Raises LinkError; PastSubscriptionError for one who ended the subscription long ago.
    """
    token, reader = tokens.clean_token(token), None
    if token == tokens.TEST_TOKEN:
        raise LinkError("link.test", TEST)
    if tokens.is_random_token(token):
        query = select(Subscriber).where(Subscriber.token == token)
        reader = session.scalar(query.with_for_update() if for_change else query)
        if reader is None and past_subscriptions.is_past(session, token):
            raise PastSubscriptionError("link.past_subscription", PAST)
    if reader is None:
        raise LinkError("link.unknown", CUT_OR_ERASED)
    return reader
