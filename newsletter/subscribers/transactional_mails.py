"""The transactional mails to readers, written when a worker sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from newsletter.core import clock, public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import language_of
from newsletter.mail.formats import Format
from newsletter.mail.mail_types import Compose, MailType, WaitingMail, one_by_one
from newsletter.mail.message import Message, Recipient
from newsletter.mail.transactional_rendering import PLACEHOLDER, TemplateValue, compose_mail
from newsletter.subscribers import preferences_words
from newsletter.subscribers.account import address_availability, address_change, one_time_links
from newsletter.subscribers.mail_payloads import (
    AlreadySubscribed,
    ChangedByLink,
    Confirmation,
    NewAddress,
    OldAddress,
    OneTimeLinkMail,
)
from newsletter.subscribers.models import AddressChange, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation_links
from newsletter.subscribers.suppression import suppressions


class TokenLink(NamedTuple):
    """The link of a mail: its path with the placeholder in it, and the token that goes there."""

    path: str
    token: str


def confirmations(
    session: Session, settings: Settings, mails: Sequence[WaitingMail[Confirmation]]
) -> Compose[Confirmation]:
    """Ask readers to confirm; one gets no mail when nothing is left to confirm, a later mail asks, or they unsubscribed
    meanwhile: the link would not work."""
    readers = _readers_of_signups(session, mails)
    keys = [reader.address_key for reader in readers.values()]
    found = suppressions.find_suppressions(session, settings.suppression_key, keys)

    def compose(mail: WaitingMail[Confirmation]) -> tuple[Message, Recipient] | None:
        reader = readers.get(mail.id)
        if reader is None or reader.confirmation_sent_at is None or reader.status == SubscriberStatus.ACTIVE:
            return None
        if reader.unsubscribed_at is not None and reader.unsubscribed_at > reader.confirmation_sent_at:
            return None
        suppression = found.get(reader.address_key)
        if suppressions.blocks_confirmation(reader.status, suppression, reader.confirmation_sent_at):
            return None
        token = confirmation_links.confirmation_token(settings.signing_keys, reader)
        link = TokenLink(public_paths.confirmation(PLACEHOLDER), token)
        return _compose(settings, "confirmation", link, mail.id, reader, days=confirmation_links.CONFIRMATION_AGE.days)

    return compose


def already_subscribed(
    session: Session, settings: Settings, mails: Sequence[WaitingMail[AlreadySubscribed]]
) -> Compose[AlreadySubscribed]:
    """Tell active readers of the new sign-up; not those who unsubscribed meanwhile, or whom a later mail tells."""
    readers = _readers_of_signups(session, mails)

    def compose(mail: WaitingMail[AlreadySubscribed]) -> tuple[Message, Recipient] | None:
        reader = readers.get(mail.id)
        if reader is None or reader.status != SubscriberStatus.ACTIVE:
            return None
        link = TokenLink(public_paths.preferences(PLACEHOLDER), reader.token)
        return _compose(settings, "already_subscribed", link, mail.id, reader)

    return compose


def one_time_link(
    session: Session, settings: Settings, mail: WaitingMail[OneTimeLinkMail]
) -> tuple[Message, Recipient] | None:
    """Bring the link. None when the reader is gone, or may not request one any more."""
    reader, purpose = session.get(Subscriber, mail.subscriber_id), mail.payload.purpose
    if reader is None or not one_time_links.may_request(reader, purpose):
        return None
    token = one_time_links.link_token(settings.signing_keys, reader, purpose)
    link = TokenLink(public_paths.one_time_page(purpose, PLACEHOLDER), token)
    hours = int(one_time_links.LINK_AGE.total_seconds()) // 3600
    return _compose(settings, f"{purpose}_link", link, mail.id, reader, hours=hours)


def changed_by_link(
    session: Session, settings: Settings, mail: WaitingMail[ChangedByLink]
) -> tuple[Message, Recipient] | None:
    """Tell a reader what changed, and how it stands now. None when the subscription has ended meanwhile."""
    reader = session.get(Subscriber, mail.subscriber_id)
    if reader is None or reader.status != SubscriberStatus.ACTIVE:
        return None
    language = language_of(reader.language)
    changed_on = mail.payload.changed_at.astimezone(settings.timezone).date()
    today = clock.today(settings.timezone)
    is_paused = reader.paused_until is not None and reader.paused_until > today
    return _compose(
        settings,
        "changed_by_link",
        TokenLink(public_paths.preferences(PLACEHOLDER), reader.token),
        mail.id,
        reader,
        day=language.day(changed_on),
        changes=mail.payload.changes,
        preferences=preferences_words.in_words(Preferences.of(reader), language),
        paused_until=language.day(reader.paused_until) if reader.paused_until and is_paused else "",
    )


def new_address(
    session: Session, settings: Settings, mail: WaitingMail[NewAddress]
) -> tuple[Message, Recipient] | None:
    """Ask the owner of a new address. None when the change was requested anew, done or undone meanwhile, or when the
    address may not be mailed.
    """
    reader, change = _address_change(session, mail.subscriber_id)
    if reader is None or change is None or change.requested_at != mail.payload.requested_at or change.changed_at:
        return None
    if not address_availability.may_be_mailed(session, settings, reader, change):
        return None
    link = TokenLink(public_paths.new_address(PLACEHOLDER), address_change.new_address_token(settings, change))
    days = address_change.LINK_AGE.days
    return _compose(settings, "new_address", link, mail.id, reader, to=change.address, days=days)


def old_address(
    session: Session, settings: Settings, mail: WaitingMail[OldAddress]
) -> tuple[Message, Recipient] | None:
    """Tell the old address. None when the change was undone meanwhile, or the address takes no mail."""
    reader, change = _address_change(session, mail.subscriber_id)
    if reader is None or change is None or change.changed_at != mail.payload.changed_at:
        return None
    suppression = suppressions.find_suppression(session, settings.suppression_key, change.address_key)
    if suppressions.blocks_confirmation(None, suppression, mail.payload.changed_at):
        return None
    link = TokenLink(public_paths.old_address(PLACEHOLDER), address_change.old_address_token(settings, change))
    days = address_change.LINK_AGE.days
    return _compose(settings, "old_address", link, mail.id, reader, to=change.address, days=days)


def _address_change(session: Session, subscriber_id: int | None) -> tuple[Subscriber | None, AddressChange | None]:
    change = session.scalar(select(AddressChange).where(AddressChange.subscriber_id == subscriber_id))
    return session.get(Subscriber, subscriber_id), change


_READERS = select(Subscriber).where(Subscriber.id.in_(bindparam("numbers", expanding=True)))


def _readers_of_signups(
    session: Session, mails: Sequence[WaitingMail[Confirmation]] | Sequence[WaitingMail[AlreadySubscribed]]
) -> dict[int, Subscriber]:
    """By the mail's id, the reader whose sign-up brought it, unless a later one brought another."""
    numbers = {"numbers": list({mail.subscriber_id for mail in mails})}
    readers = {(reader.id, reader.confirmation_sent_at): reader for reader in session.scalars(_READERS, numbers)}
    found = ((mail.id, readers.get((mail.subscriber_id or 0, mail.payload.requested_at))) for mail in mails)
    return {mail_id: reader for mail_id, reader in found if reader is not None}


def _compose(
    settings: Settings,
    name: str,
    link: TokenLink,
    mail_id: int,
    reader: Subscriber,
    *,
    to: str | None = None,
    **values: TemplateValue,
) -> tuple[Message, Recipient]:
    """Write a mail in the reader's language and format, to the reader's address or another one of theirs."""
    text_only = reader.format == Format.TEXT
    message = compose_mail(settings, name, link.path, values, language=reader.language, text_only=text_only)
    return message, Recipient(mail_id, to or reader.address, link.token)


MAIL_TYPES = (
    MailType(Confirmation, confirmations),
    MailType(AlreadySubscribed, already_subscribed),
    MailType(OneTimeLinkMail, one_by_one(one_time_link)),
    MailType(ChangedByLink, one_by_one(changed_by_link)),
    MailType(NewAddress, one_by_one(new_address)),
    MailType(OldAddress, one_by_one(old_address)),
)
