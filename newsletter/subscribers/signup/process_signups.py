"""What comes of a sign-up: a worker decides it, so that the door's answer can tell nobody who is known here.

All sign-ups of one address are decided on together, in one short transaction, and bring one mail at most. What each
state of a reader is mailed stands as a table in docs/readers.md.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.mail import outgoing
from newsletter.subscribers import backoff, preferences
from newsletter.subscribers.bulk_insert import insert_new
from newsletter.subscribers.mail_payloads import AlreadySubscribed, Confirmation
from newsletter.subscribers.models import Consent, SignupRequest, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions

LATER = 1000
"""Added to the rank of a sign-up that could not be decided on, so that it holds up no other."""


def signups_wait(session: Session) -> bool:
    """Whether there is a sign-up to decide on."""
    return session.scalar(select(SignupRequest.id).limit(1)) is not None


def next_address(session: Session) -> str | None:
    """The key of the address whose turn it is; one that another worker has is passed over."""
    turn = select(SignupRequest.address_key).order_by(SignupRequest.rank, SignupRequest.id).limit(1)
    return session.scalar(turn.with_for_update(skip_locked=True))


def process_address(session: Session, suppression_key: str, address_key: str) -> int | None:
    """Work off all sign-ups of an address; returns the id of the mail that came of them, or None.

    The one made last counts: its preferences, and its words as the evidence of consent. A reader who is active keeps
    everything as it is, and hears so. An address that must not be asked is not written to, nor written down.
    """
    request = _take(session, address_key)
    if request is None:
        return None
    found = suppressions.find_suppression(session, suppression_key, address_key)
    if suppressions.blocks_confirmation(None, found, clock.now()):
        return None
    wanted = Preferences.from_columns(request.preferences)
    reader = _find_or_add(session, request, wanted)
    if reader.status == SubscriberStatus.ACTIVE:
        return _mail(session, reader, AlreadySubscribed)
    if suppressions.blocks_confirmation(reader.status, found, clock.now()):
        return None
    preferences.set_preferences(reader, wanted)
    _keep_evidence(session, reader, request)
    return _mail(session, reader, Confirmation)


def postpone(session: Session, address_key: str) -> None:
    """Sign-ups that could not be decided on wait for all others."""
    session.execute(
        update(SignupRequest)
        .where(SignupRequest.address_key == address_key)
        .values(rank=SignupRequest.rank + LATER)
        .execution_options(synchronize_session=False)
    )


def _take(session: Session, address_key: str) -> SignupRequest | None:
    """The last sign-up of the address; all of them are taken off the table.

    Only those that nobody else holds: two workers at the same address wait for its reader alone, and so never for each
    other.
    """
    mine = select(SignupRequest.id).where(SignupRequest.address_key == address_key)
    last = session.scalars(
        select(SignupRequest)
        .where(SignupRequest.address_key == address_key)
        .order_by(SignupRequest.id.desc())
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if last is not None:
        session.expunge(last)
        free = mine.where(SignupRequest.id <= last.id).with_for_update(skip_locked=True)
        session.execute(
            delete(SignupRequest).where(SignupRequest.id.in_(free)).execution_options(synchronize_session=False)
        )
    return last


def _find_or_add(session: Session, request: SignupRequest, wanted: Preferences) -> Subscriber:
    """The reader of the address, locked; two workers at the same moment find the same one."""
    query = select(Subscriber).where(Subscriber.address_key == request.address_key).with_for_update()
    found = session.scalar(query)
    if found is None:
        insert_new(session, [{"address": request.address, "address_key": request.address_key, **wanted.columns()}])
        found = session.scalars(query).one()
    return found


def _keep_evidence(session: Session, reader: Subscriber, request: SignupRequest) -> None:
    """In place of what was never confirmed: the words that count are those of the preferences that count."""
    session.execute(
        delete(Consent)
        .where(Consent.subscriber_id == reader.id, Consent.confirmed_at.is_(None))
        .execution_options(synchronize_session=False)
    )
    session.add(
        Consent(subscriber_id=reader.id, wording=request.wording, page=request.page, requested_at=request.requested_at)
    )


def _mail(session: Session, reader: Subscriber, mail: type[AlreadySubscribed | Confirmation]) -> int | None:
    """The mail, unless one went out a moment ago. To a reader who left since that one, whose link brings them back no
    more, it goes when the pause is over: else whoever made the pause long could keep them out.
    """
    now, due = clock.now(), None
    if reader.confirmation_sent_at is not None:
        quiet, pause = now - reader.confirmation_sent_at, backoff.pause_after(reader.confirmations_sent)
        if quiet < pause:
            if reader.unsubscribed_at is None or reader.unsubscribed_at <= reader.confirmation_sent_at:
                return None
            due = reader.confirmation_sent_at + pause
        if quiet >= backoff.RESET_AFTER:
            reader.confirmations_sent = 0
    reader.confirmation_sent_at = now
    reader.confirmations_sent += 1
    return outgoing.add_mail(session, mail(now), subscriber_id=reader.id, not_before=due)
