"""Erasure: nothing is left of a reader but a keyed hash, by which no import brings them back unasked.

`privacy.reader_tables` lists the tables. The ledger keeps numbers that lead to nobody, since numbers are never given
twice. A digest that is being sent skips erased readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from newsletter.core import public_paths
from newsletter.core.actors import Actor
from newsletter.core.config import Settings
from newsletter.core.db import Base
from newsletter.core.errors import NotFoundError
from newsletter.core.ids import AddressKey, SubscriberId, SuppressionKey
from newsletter.core.languages import gettext_noop
from newsletter.mail import outgoing_mails, transactional_rendering
from newsletter.mail.formats import Format
from newsletter.mail.mail_types import MailPayload, MailType, WaitingMail, one_by_one
from newsletter.mail.message import Message, Recipient
from newsletter.privacy import reader_tables
from newsletter.privacy.reader_tables import Erasure, ReaderKeys
from newsletter.subscribers import addresses, lifecycle
from newsletter.subscribers.account.one_time_links import NOT_MAILED
from newsletter.subscribers.models import AddressChange, Subscriber, SuppressionReason
from newsletter.subscribers.suppression import suppressions

ERASED_ALREADY = gettext_noop("Nothing is kept about this reader any more.")


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


def erase_subscriber(session: Session, suppression_key: SuppressionKey, reader: Subscriber, *, by: Actor) -> int | None:
    """Erase a reader; returns the id of the last mail, which says so, or None when the address takes no mail.

    The mail's row has to hold the address until it is sent; then the worker cleans the file, which can take seconds. So
    there is a row without a mail too. Raises NotFoundError for a reader who was erased a moment ago.
    """
    key_hashes = suppressions.suppression_hashes(suppression_key, reader.address_key)
    keys = ReaderKeys(SubscriberId(reader.id), reader.address_key, key_hashes)
    # Before the reader is locked: a worker that processes a sign-up locks the two in this order.
    _delete(session, reader_tables.SIGNUP_REQUESTS.model, reader_tables.SIGNUP_REQUESTS.of(keys))
    if session.get(Subscriber, reader.id, with_for_update=True, populate_existing=True) is None:
        raise NotFoundError("subscriber.erased", ERASED_ALREADY)
    changes = session.scalars(select(AddressChange).where(AddressChange.subscriber_id == reader.id)).all()
    further = tuple(change.address for change in changes)
    former_keys = [change.address_key for change in changes if change.changed_at is not None]
    for table in reader_tables.READER_TABLES:
        if table.erasure is Erasure.DELETE and table is not reader_tables.SUBSCRIBERS:
            _delete(session, table.model, table.of(keys))
    # Another reader's request for a change to this address.
    _delete(session, AddressChange, AddressChange.address_key == reader.address_key)
    lifecycle.erase(session, suppression_key, reader, [reader.address_key, *former_keys], by=by)
    mailed = reader.status not in NOT_MAILED
    last_mail = Erased(reader.address, further, reader.language, reader.format, mailed)
    mail_id = outgoing_mails.add_mail(session, last_mail, subscriber_id=None)
    return mail_id if mailed else None  # the clock finds the other


def erase_past(session: Session, suppression_key: SuppressionKey, address_key: AddressKey) -> None:
    """Erase what is left of a reader whose row is gone, some time after the end. The hash stays, as always."""
    keys = ReaderKeys(None, address_key, suppressions.suppression_hashes(suppression_key, address_key))
    for table in (reader_tables.PAST_SUBSCRIPTIONS, reader_tables.UNSUPPRESSIONS):
        _delete(session, table.model, table.of(keys))
    suppressions.suppress(session, suppression_key, address_key, SuppressionReason.ERASED)


def _delete(session: Session, model: type[Base], condition: ColumnElement[bool]) -> None:
    session.execute(delete(model).where(condition), execution_options={"synchronize_session": False})


def addresses_in(payload: Mapping[str, Any]) -> list[str]:
    """The addresses in an `Erased` payload, of which the database's file is to be cleaned once its row is deleted."""
    erased = Erased.from_json(payload)
    texts = (erased.address, *erased.also)
    return [*texts, *(addresses.identity_key(text) for text in texts)]


def compose_last_mail(
    _session: Session, settings: Settings, mail: WaitingMail[Erased]
) -> tuple[Message, Recipient] | None:
    """Write the last mail. None when the address takes no mail."""
    if not mail.payload.mailed:
        return None
    text_only = mail.payload.format == Format.TEXT
    message = transactional_rendering.compose_mail(
        settings, Erased.kind, public_paths.SUBSCRIBE, language=mail.payload.language, text_only=text_only
    )
    return message, Recipient(mail.id, mail.payload.address)


LAST_MAIL = MailType(Erased, one_by_one(compose_last_mail))
