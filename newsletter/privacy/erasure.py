"""Erasure: nothing is left of a reader but a keyed hash, by which no import brings them back unasked.

The ledger keeps ids that lead to nobody, since ids are never given twice. A digest that is being sent skips whoever is
gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import secure_delete
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from newsletter.mail import outgoing, transactional
from newsletter.mail.formats import Format
from newsletter.mail.mail_types import MailPayload, MailType, WaitingMail
from newsletter.mail.message import Message, Recipient
from newsletter.subscribers import addresses
from newsletter.subscribers.account.one_time_links import NOT_MAILED
from newsletter.subscribers.models import (
    AddressChange,
    SignupRequest,
    Subscriber,
    SuppressionReason,
    Unsuppression,
)
from newsletter.subscribers.suppression import suppressions


@dataclass(frozen=True)
class Erased(MailPayload):
    """The last mail, which says that everything was erased. Its row holds what the reader's own no longer can."""

    kind = "erased"
    address: str
    also: tuple[str, ...]
    """Further addresses that the database's file must not hold any more."""
    language: str
    format: Format
    mailed: bool
    """False when the address takes no mail: the row is there so that a worker cleans the file."""


_UNWATCHED = {"synchronize_session": False}


def erase_subscriber(session: Session, suppression_key: str, reader: Subscriber) -> int | None:
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
        suppressions.suppress(session, suppression_key, each, SuppressionReason.ERASED)
    lifted = Unsuppression.key_hash == suppressions.suppression_hash(suppression_key, key)
    session.execute(delete(Unsuppression).where(lifted), execution_options=_UNWATCHED)
    # A change of somebody else's to this address, too.
    session.execute(delete(AddressChange).where(AddressChange.address_key == key), execution_options=_UNWATCHED)
    session.execute(delete(Subscriber).where(Subscriber.id == reader.id), execution_options=_UNWATCHED)
    mailed = reader.status not in NOT_MAILED
    last_mail = Erased(reader.address, tuple(also), reader.language, reader.format, mailed)
    mail = outgoing.add_mail(session, last_mail, subscriber_id=None)
    return mail if mailed else None  # the clock finds the other


def _former(session: Session, reader: Subscriber) -> Sequence[str]:
    """The key of the address that the reader had before, as long as it is kept."""
    mine = (AddressChange.subscriber_id == reader.id) & AddressChange.changed_at.is_not(None)
    return session.scalars(select(AddressChange.address_key).where(mine)).all()


def purge_addresses(db: Database, payload: Mapping[str, Any]) -> None:
    """Clean the database's file of the addresses in an `Erased` payload. It can take seconds: not for a page."""
    erased = Erased.from_json(payload)
    texts = (erased.address, *erased.also)
    secure_delete.purge(db, *texts, *(addresses.identity_key(text) for text in texts))


def compose_last_mail(
    _session: Session, settings: Settings, mail: WaitingMail[Erased]
) -> tuple[Message, Recipient] | None:
    """Write the last mail. None when the address takes no mail."""
    if not mail.payload.mailed:
        return None
    message = transactional.compose_mail(
        settings,
        Erased.kind,
        {"link": settings.url("/subscribe")},
        mail_id=mail.id,
        id_salt=settings.message_id_salt,
        language=mail.payload.language,
        text_only=mail.payload.format == Format.TEXT,
    )
    return message, Recipient(mail.id, mail.payload.address)


LAST_MAIL = MailType(Erased, compose_last_mail)
