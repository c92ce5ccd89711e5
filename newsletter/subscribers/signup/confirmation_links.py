"""The link of a confirmation mail: it proves, for a week, that somebody reads the mailbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.models import Subscriber

CONFIRMATION_AGE = timedelta(days=7)
CONFIRMATION_CUT = gettext_noop(
    "A confirmation link works for 7 days, and only whole: email programs sometimes cut them. Sign up again, and we "
    "send you a new one."
)
SIGNUP_GONE = gettext_noop("This sign-up is not kept any more. Sign up again, and we send you a new link.")


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
