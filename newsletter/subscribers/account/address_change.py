"""Changing the address of a subscriber, whose links in old mails go on working.

A request needs a one-time link, so nobody to whom a letter was forwarded can make one. Nothing changes before the owner
of the new address presses the button that a mail there leads to. Then the old address is told, with a link that undoes
the change. While that link works, the reader cannot change the address again, so nobody can take the way back away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError
from newsletter.core.languages import gettext_noop, language_of
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.mail import outgoing_mails
from newsletter.subscribers import addresses, backoff, lifecycle
from newsletter.subscribers.account.address_availability import is_free, other_subscribers
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.mail_payloads import NewAddress, OldAddress
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import AddressChange, Consent, Subscriber, SubscriberStatus

LINK_AGE = timedelta(days=7)
"""How long the links work, the one to the new address and the one to the old."""

AGREEMENT = gettext_noop(
    "By confirming you agree that %(publication)s emails your letters to this address instead of the old one, until "
    "you unsubscribe. Every letter has a link to unsubscribe with one click."
)
"""The sentence beside the button, and kept as what was agreed to."""
PAGE = "/new-address"

NOT_SUBSCRIBED = gettext_noop(
    "This address is not subscribed, so it cannot be changed. You can sign up with the new one."
)
CHANGED_LATELY = gettext_noop(
    "The address was changed a few days ago. The old address can undo that for 7 days; after that you can change it "
    "again."
)
UNSUBSCRIBED_SINCE = gettext_noop("You have unsubscribed in the meantime. You can sign up with this address.")
NOT_FREE = gettext_noop("This address is subscribed by now, or asked us never to write. Nothing has been changed.")
OVER = gettext_noop("This change of address is over: it was undone, requested again, or the link is older than 7 days.")


def request_change(session: Session, pauses: MailboxPauses, reader: Subscriber, address: str) -> int | None:
    """Ask the owner of `address` to confirm a change of address; returns the mail's id.

    None when no mail is due: it is the present address, or the last request was a moment ago, or somebody requested a
    mail to a spelling of the new address then (the pauses double with each mail, as for sign-ups). Whether another
    reader has the address decides nothing here, or the answer would tell: `address_availability.may_be_mailed` decides
    when the mail is written, and drops it.

    `reader` is locked by the caller. Raises InvalidError when `address` is none, and ConflictError for a reader who is
    not active, or changed the address so lately that the old one can still undo it.
    """
    address = addresses.normalise(address)
    if reader.status != SubscriberStatus.ACTIVE:
        raise ConflictError("address_change.not_subscribed", NOT_SUBSCRIBED)
    now = clock.now()
    last = session.scalar(select(AddressChange).where(AddressChange.subscriber_id == reader.id))
    if last is not None and last.changed_at is not None:
        if now - last.changed_at < LINK_AGE:
            raise ConflictError("address_change.changed_lately", CHANGED_LATELY)
        session.delete(last)
        session.flush()
        last = None
    if address == reader.address or (last is not None and now - last.requested_at < backoff.pause_after(last.requests)):
        return None
    if pauses.wait_before_mail(addresses.identity_key(address), longest_wait=timedelta()) is None:
        return None
    change = last or AddressChange(subscriber_id=reader.id, requests=0)
    change.address, change.address_key, change.requested_at = address, addresses.identity_key(address), now
    change.requests += 1
    session.add(change)
    session.flush()
    return outgoing_mails.add_mail(session, NewAddress(now), subscriber_id=reader.id)


def change_of_new_address(
    session: Session, settings: Settings, token: str, *, for_change: bool = False
) -> tuple[Subscriber, AddressChange]:
    """The reader and the change that a link to a new address belongs to; `changed_at` says whether it is done already.

    Raises LinkError.
    """
    return _change_of_link(session, settings, _NEW_ADDRESS, token, for_change=for_change)


def agreement_text(publication: str, language: str) -> str:
    """The words that a reader agrees to by confirming a new address, in the language of the page."""
    return language_of(language).gettext(AGREEMENT) % {"publication": publication}


def change_address(
    session: Session, settings: Settings, token: str, *, language: str | None = None
) -> tuple[Subscriber, int | None]:
    """Give the reader the new address; returns the id of the mail that tells the old one (None if done already).

    `language` is the one that the page spoke, the reader's unless given. Raises LinkError, and ConflictError when the
    address has become another reader's.
    """
    reader, change = change_of_new_address(session, settings, token, for_change=True)
    if change.changed_at is not None:
        return reader, None
    if reader.status != SubscriberStatus.ACTIVE:
        raise ConflictError("address_change.unsubscribed_since", UNSUBSCRIBED_SINCE)
    former, now = (reader.address, reader.address_key), clock.now()
    _give_address(session, settings, reader, change)
    change.address, change.address_key = former
    change.changed_at = now
    wording = agreement_text(settings.publication_name, language or reader.language)
    session.add(
        Consent(subscriber_id=reader.id, wording=wording, page=PAGE, requested_at=change.requested_at, confirmed_at=now)
    )
    return reader, outgoing_mails.add_mail(session, OldAddress(now), subscriber_id=reader.id)


def change_of_old_address(
    session: Session, settings: Settings, token: str, *, for_change: bool = False
) -> tuple[Subscriber, AddressChange]:
    """The reader and the change that a link to an old address belongs to. Raises LinkError."""
    return _change_of_link(session, settings, _OLD_ADDRESS, token, for_change=for_change)


def undo_change(session: Session, settings: Settings, token: str) -> Subscriber:
    """Give the reader the old address back, and make the subscription active there.

    It may have ended at the other address: by a bounce, or because its owner unsubscribed or complained. Raises
    LinkError, and ConflictError when the old address has become another reader's.
    """
    reader, change = change_of_old_address(session, settings, token, for_change=True)
    _give_address(session, settings, reader, change)
    session.delete(change)
    return reader


def new_address_token(settings: Settings, change: AddressChange) -> str:
    """For the link in the mail to the new address."""
    return TokenSigner(settings.signing_keys, _NEW_ADDRESS).sign([change.id, _iso(change.requested_at)])


def old_address_token(settings: Settings, change: AddressChange) -> str:
    """For the link in the mail to the old address."""
    return TokenSigner(settings.signing_keys, _OLD_ADDRESS).sign([change.id, _iso(change.changed_at)])


_NEW_ADDRESS, _OLD_ADDRESS = "move", "move-back"
"""The purposes that tokens are signed for."""


def _change_of_link(
    session: Session, settings: Settings, purpose: str, token: str, *, for_change: bool
) -> tuple[Subscriber, AddressChange]:
    try:
        change_id, signed_at = TokenSigner(settings.signing_keys, purpose).read(token, LINK_AGE)
    except TokenError as error:
        raise LinkError("link.change_over", OVER) from error
    subscriber_id = session.scalar(select(AddressChange.subscriber_id).where(AddressChange.id == change_id))
    reader = session.get(Subscriber, subscriber_id, with_for_update=for_change) if subscriber_id is not None else None
    change = session.get(AddressChange, change_id)
    if reader is None or change is None:
        raise LinkError("link.change_over", OVER)
    if signed_at != _iso(change.requested_at if purpose == _NEW_ADDRESS else change.changed_at):
        raise LinkError("link.change_over", OVER)
    return reader, change


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _give_address(session: Session, settings: Settings, reader: Subscriber, change: AddressChange) -> None:
    """Give the reader the address of `change`, whose owner has just confirmed it. Raises ConflictError."""
    if not is_free(session, settings, reader, change.address_key):
        raise ConflictError("address_change.not_free", NOT_FREE)
    give = lifecycle.change_address if change.changed_at is None else lifecycle.undo_change
    try:
        with session.begin_nested():
            pending = session.scalar(select(Subscriber).where(other_subscribers(reader, change.address_key)))
            if pending is not None:
                session.delete(pending)
                session.flush()
            give(session, settings.suppression_key, reader, change.address, change.address_key, by=READER)
    except IntegrityError as error:  # somebody signed up with it at this very moment
        raise ConflictError("address_change.not_free", NOT_FREE) from error
