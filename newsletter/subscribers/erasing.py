"""Erasure: nothing is left of a reader but a keyed hash, by which no import brings them back unasked.

The ledger keeps ids that lead to nobody, since ids are never given twice. A digest that is being sent skips whoever is
gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import scrubbing
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from newsletter.mail import outgoing, single
from newsletter.mail.message import Message, Recipient
from newsletter.subscribers import addresses, suppressions
from newsletter.subscribers.fresh import NOT_MAILED
from newsletter.subscribers.models import AddressChange, Format, LiftedSuppression, Reason, SignupRequest, Subscriber

MAIL = "erased"
"""The last mail's kind in the outgoing table."""

_UNWATCHED = {"synchronize_session": False}


def erase(session: Session, suppression_key: str, reader: Subscriber) -> int | None:
    """Erase a reader; the id of the last mail, which says so, or None when the address takes no mail. Raises
    NotFoundError for one who was erased a moment ago.

    The foreign keys take evidence, events, refusals and what else hangs on the row. The mail's row has to hold the
    address, and goes when it is sent; then `scrub` is called. It is there without a mail too: `scrub` can take seconds.
    """
    key = reader.address_key
    # Before the reader is locked: a worker that decides on a sign-up takes the two in this order.
    session.execute(delete(SignupRequest).where(SignupRequest.address_key == key), execution_options=_UNWATCHED)
    if session.get(Subscriber, reader.id, with_for_update=True, populate_existing=True) is None:
        raise NotFoundError("Nothing is kept any more of this reader.")
    change = select(AddressChange.address).where(AddressChange.subscriber_id == reader.id)
    also = list(session.scalars(change))
    for each in (key, *_former(session, reader)):
        suppressions.suppress(session, suppression_key, each, Reason.ERASED)
    lifted = LiftedSuppression.key_hash == suppressions.hashed(suppression_key, key)
    session.execute(delete(LiftedSuppression).where(lifted), execution_options=_UNWATCHED)
    outgoing.forget(session, reader.id)
    # A change of somebody else's to this address, too.
    session.execute(delete(AddressChange).where(AddressChange.address_key == key), execution_options=_UNWATCHED)
    session.execute(delete(Subscriber).where(Subscriber.id == reader.id), execution_options=_UNWATCHED)
    payload = {"address": reader.address, "also": also, "language": reader.language, "format": reader.format}
    if reader.status in NOT_MAILED:
        outgoing.put(session, MAIL, {**payload, "mailed": False})  # the clock finds it
        return None
    return outgoing.put(session, MAIL, payload)


def _former(session: Session, reader: Subscriber) -> Sequence[str]:
    """The key of the address that the reader had before, as long as it is kept."""
    mine = (AddressChange.subscriber_id == reader.id) & AddressChange.moved_at.is_not(None)
    return session.scalars(select(AddressChange.address_key).where(mine)).all()


def scrub(db: Database, payload: Mapping[str, Any]) -> None:
    """See to it that the database's file holds the addresses of an erased reader no more: the last one, and one that
    was to come or had been before. It can take seconds: not for a page.
    """
    texts = [payload["address"], *payload.get("also", ())]
    scrubbing.scrub(db, *texts, *(addresses.key(text) for text in texts))


def mail(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """The last mail. None when the address takes no mail, and the row is there for `scrub` alone."""
    if not payload.get("mailed", True):
        return None
    context = {"link": settings.url("/subscribe")}
    message = single.compose(
        settings,
        MAIL,
        context,
        mail_id=mail_id,
        id_salt=settings.message_id_salt,
        language=payload["language"],
        text_only=payload.get("format") == Format.TEXT,
    )
    return message, Recipient(mail_id, payload["address"])
