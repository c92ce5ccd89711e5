"""The single mails that readers get, written when a worker sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.mail import single
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outgoing import Composer
from newsletter.subscribers import erasing, fresh, links, moving, suppressions, takeable
from newsletter.subscribers.models import AddressChange, Format, Status, Subscriber


def confirmation(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """Asks a reader to confirm. None when there is nothing to ask any more, or a later mail asks it."""
    reader = _asked(session, payload)
    if reader is None or reader.asked_at is None or reader.status == Status.ACTIVE:
        return None
    found = suppressions.find(session, settings.suppression_key, reader.address_key)
    if suppressions.holds(reader.status, found, reader.asked_at):
        return None
    link = settings.url(f"/confirm/{links.confirmation(settings.signing_keys, reader)}")
    return _compose(settings, "confirmation", {"link": link, "days": links.CONFIRMATION_AGE.days}, mail_id, reader)


def already(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """Tells an active reader who was signed up again so. None when they left meanwhile, or a later mail says it."""
    reader = _asked(session, payload)
    if reader is None or reader.status != Status.ACTIVE:
        return None
    link = settings.url(f"/preferences/{reader.token}")
    return _compose(settings, "already", {"link": link}, mail_id, reader)


def new_address(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """Asks the owner of a new address. None when it was asked for anew, done or taken back meanwhile, or may not be."""
    reader, change = _moving(session, payload)
    if reader is None or change is None or change.asked_at.isoformat() != payload["asked_at"] or change.moved_at:
        return None
    if not takeable.may_be_asked(session, settings, reader, change):
        return None
    link = settings.url(f"/new-address/{moving.new_address_token(settings, change)}")
    context = {"link": link, "days": moving.AGE.days}
    message, _ = _compose(settings, "new_address", context, mail_id, reader)
    return message, Recipient(mail_id, change.address)


def old_address(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """Tells the old address. None when it was taken back meanwhile, or takes no mail."""
    reader, change = _moving(session, payload)
    if reader is None or change is None or not change.moved_at or change.moved_at.isoformat() != payload["moved_at"]:
        return None
    if suppressions.holds(
        None, suppressions.find(session, settings.suppression_key, change.address_key), change.moved_at
    ):
        return None
    link = settings.url(f"/old-address/{moving.old_address_token(settings, change)}")
    context = {"link": link, "days": moving.AGE.days}
    message, _ = _compose(settings, "old_address", context, mail_id, reader)
    return message, Recipient(mail_id, change.address)


def _moving(session: Session, payload: Mapping[str, Any]) -> tuple[Subscriber | None, AddressChange | None]:
    change = session.scalar(select(AddressChange).where(AddressChange.subscriber_id == payload["subscriber"]))
    return session.get(Subscriber, payload["subscriber"]), change


def _asked(session: Session, payload: Mapping[str, Any]) -> Subscriber | None:
    """The reader whose sign-up brought this mail, unless a later one brought another."""
    reader = session.get(Subscriber, payload["subscriber"])
    if reader is None or reader.asked_at is None or reader.asked_at.isoformat() != payload["asked_at"]:
        return None
    return reader


def _compose(
    settings: Settings, name: str, context: Mapping[str, object], mail_id: int, reader: Subscriber
) -> tuple[Message, Recipient]:
    message = single.compose(
        settings,
        name,
        context,
        mail_id=mail_id,
        id_salt=settings.message_id_salt,
        language=reader.language,
        text_only=reader.format == Format.TEXT,
    )
    return message, Recipient(mail_id, reader.address)


COMPOSERS: dict[str, Composer] = {
    "confirmation": confirmation,
    "already": already,
    "fresh_link": fresh.mail,
    "new_address": new_address,
    "old_address": old_address,
    "erased": erasing.mail,
}
"""By the kind in the outgoing table."""
