"""Confirming: from pending, or from left, to active."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import ConflictError
from newsletter.subscribers import links, suppressions
from newsletter.subscribers.models import Status, Subscriber
from newsletter.subscribers.signup import MAY_CONFIRM


def who(session: Session, keys: tuple[str, ...], token: str, *, for_change: bool = False) -> Subscriber:
    """The reader of a confirmation link: someone who is active, or may become so.

    Raises LinkError for a link that does not work, and ConflictError for a reader who left after the link was asked
    for, or whose address takes no mail: an old link must not bring anyone back.
    """
    reader, asked = links.confirmed(session, keys, token, for_change=for_change)
    if reader.status not in (Status.ACTIVE, *MAY_CONFIRM):
        raise ConflictError("This address cannot be mailed at the moment.")
    if reader.left_at is not None and reader.left_at > asked:
        raise ConflictError("You have left since this link was sent. Sign up again, and we send you a new one.")
    return reader


def confirm(session: Session, keys: tuple[str, ...], token: str, *, suppression_key: str) -> Subscriber:
    """Make the reader of a confirmation link active; for one who is, nothing changes. Raises as `who` does.

    That they had left is not held against them any more.
    """
    reader = who(session, keys, token, for_change=True)
    if reader.status != Status.ACTIVE:
        reader.status = Status.ACTIVE
        reader.confirmed_at = clock.now()
        reader.left_at = None
        suppressions.lift_left(session, suppression_key, reader.address_key)
    return reader
