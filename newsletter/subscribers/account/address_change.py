"""Moving: another address for the same reader, whose links in old mails go on working.

The door opens by a fresh link (`subscribers.account.one_time_links`) alone, so that a forwarded letter cannot move its reader. Nothing
changes before the owner of the new address presses the button in a mail there. Then the old address is told, with a
link that takes the change back; until that link is too old, the reader cannot move on, so nobody can take it away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.mail import outgoing
from newsletter.subscribers import addresses, backoff
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.account.address_availability import is_free, other_subscribers
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.mail_payloads import NewAddress, OldAddress
from newsletter.subscribers.models import AddressChange, Consent, Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.suppression import suppressions

LINK_AGE = timedelta(days=7)
"""How long the links work, the one to the new address and the one to the old."""

AGREEMENT = (
    "By confirming you agree that {publication} mails your letter to this address instead of the old one, until you "
    "leave. Every letter has a link to leave with one click."
)
"""The sentence beside the button, and kept as what was agreed to."""
PAGE = "/new-address"

TAKEN = "This address gets a letter of ours by now, or takes no mail from us. Nothing has been changed."


def request_change(session: Session, reader: Subscriber, address: str) -> int | None:
    """Ask the owner of `address` whether the letter may come there; the id of the mail, or None when none is due: it is
    the present one, or the reader asked a moment ago (the pause doubles with each mail, as for sign-ups).

    Whose the address is decides nothing here, or what follows would tell it: `takeable.may_be_asked` does when the mail
    is written, and drops it.

    `reader` is locked by the caller. Raises InvalidError when `address` is none, and ConflictError for a reader who
    gets no letter, or who moved so lately that the old address can still take it back.
    """
    address = addresses.normalise(address)
    if reader.status != SubscriberStatus.ACTIVE:
        raise ConflictError(
            "No letter goes to this address, so it cannot be changed. You can sign up with the new one."
        )
    now, address_key = clock.now(), addresses.identity_key(address)
    mine = session.scalar(select(AddressChange).where(AddressChange.subscriber_id == reader.id))
    if mine is not None and mine.changed_at is not None:
        if now - mine.changed_at < LINK_AGE:
            raise ConflictError(
                "The address was changed a few days ago, and for 7 days the old one can take it back. After that you "
                "can change it again."
            )
        session.delete(mine)
        session.flush()
        mine = None
    if address == reader.address or (mine is not None and now - mine.requested_at < backoff.pause_after(mine.requests)):
        return None
    change = mine or AddressChange(subscriber_id=reader.id, requests=0)
    change.address, change.address_key, change.requested_at = address, address_key, now
    change.requests += 1
    session.add(change)
    session.flush()
    return outgoing.add_mail(session, NewAddress(now), subscriber_id=reader.id)


def change_of_new_address(
    session: Session, settings: Settings, token: str, *, for_change: bool = False
) -> tuple[Subscriber, AddressChange]:
    """The reader and the change that a link to a new address belongs to; `changed_at` says that it is done already.

    Raises LinkError.
    """
    return _read(session, settings, "move", token, for_change=for_change)


def change_address(session: Session, settings: Settings, token: str) -> tuple[Subscriber, int | None]:
    """The new address counts from now on; the reader, and the id of the mail that tells the old one (None when it is
    done already). Raises LinkError, and ConflictError when the address has become another reader's.
    """
    reader, change = change_of_new_address(session, settings, token, for_change=True)
    if change.changed_at is not None:
        return reader, None
    if reader.status != SubscriberStatus.ACTIVE:
        raise ConflictError("The letter has been left meanwhile. You can sign up with this address.")
    old, now = (reader.address, reader.address_key), clock.now()
    _let_in(session, settings, reader, change)
    change.address, change.address_key = old
    change.changed_at = now
    wording = AGREEMENT.format(publication=settings.publication_name)
    session.add(
        Consent(subscriber_id=reader.id, wording=wording, page=PAGE, requested_at=change.requested_at, confirmed_at=now)
    )
    return reader, outgoing.add_mail(session, OldAddress(now), subscriber_id=reader.id)


def change_of_old_address(
    session: Session, settings: Settings, token: str, *, for_change: bool = False
) -> tuple[Subscriber, AddressChange]:
    """The reader and the change that a link to an old address belongs to. Raises LinkError."""
    return _read(session, settings, "move-back", token, for_change=for_change)


def undo_change(session: Session, settings: Settings, token: str) -> Subscriber:
    """The old address counts again, and letters come there, whatever became of the subscription at the other one: it
    may have bounced there, or whoever has it may have left or complained. Raises LinkError, and ConflictError when the
    old address has become another reader's.
    """
    reader, change = change_of_old_address(session, settings, token, for_change=True)
    _let_in(session, settings, reader, change)
    reader.status = SubscriberStatus.ACTIVE
    reader.unsubscribed_at = reader.unsubscribe_reason = None
    session.delete(change)
    return reader


def new_address_token(settings: Settings, change: AddressChange) -> str:
    """For the link in the mail to the new address."""
    return TokenSigner(settings.signing_keys, "move").sign([change.id, _iso(change.requested_at)])


def old_address_token(settings: Settings, change: AddressChange) -> str:
    """For the link in the mail to the old address."""
    return TokenSigner(settings.signing_keys, "move-back").sign([change.id, _iso(change.changed_at)])


def _read(
    session: Session, settings: Settings, purpose: str, token: str, *, for_change: bool
) -> tuple[Subscriber, AddressChange]:
    too_old = LinkError("This change of address is over: it was taken back, asked for anew, or is older than 7 days.")
    try:
        change_id, at = TokenSigner(settings.signing_keys, purpose).read(token, LINK_AGE)
    except TokenError as error:
        raise too_old from error
    reader_id = session.scalar(select(AddressChange.subscriber_id).where(AddressChange.id == change_id))
    reader = session.get(Subscriber, reader_id, with_for_update=for_change) if reader_id is not None else None
    change = session.get(AddressChange, change_id)
    if reader is None or change is None or at != _iso(change.requested_at if purpose == "move" else change.changed_at):
        raise too_old
    return reader, change


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _let_in(session: Session, settings: Settings, reader: Subscriber, change: AddressChange) -> None:
    """Give the reader the address of `change`, whose owner has just confirmed it. Raises ConflictError."""
    if not is_free(session, settings, reader, change.address_key):
        raise ConflictError(TAKEN)
    before = reader.address_key
    try:
        with session.begin_nested():
            pending = session.scalar(select(Subscriber).where(other_subscribers(reader, change.address_key)))
            if pending is not None:
                session.delete(pending)
                session.flush()
            reader.address, reader.address_key, reader.confirmed_at = change.address, change.address_key, clock.now()
    except IntegrityError as error:  # somebody signed up with it at this very moment
        raise ConflictError(TAKEN) from error
    one_time_links.revoke_all(session, reader)
    suppressions.remove_suppression(session, settings.suppression_key, change.address_key)
    if before != change.address_key:  # no import brings the letter back to where it was given up
        suppressions.suppress(session, settings.suppression_key, before, SuppressionReason.UNSUBSCRIBED)
