"""Processing sign-ups: a worker decides, so that the answer to a sign-up tells nobody who is subscribed.

All sign-ups of one address are processed together, in one short transaction, and bring one mail at most. A table in
docs/readers.md says which mail goes to a reader of which status.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import WORKER
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.mail import outgoing_mails
from newsletter.subscribers import backoff, lifecycle, preferences, queries
from newsletter.subscribers.mail_payloads import AlreadySubscribed, Confirmation
from newsletter.subscribers.models import Consent, SignupRequest, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions

LATER = 1000
"""Added to the rank of a sign-up whose processing failed, so that it delays no other."""


def signups_wait(session: Session) -> bool:
    """Whether there is a sign-up to process."""
    return session.scalar(select(SignupRequest.id).limit(1)) is not None


def next_address(session: Session) -> AddressKey | None:
    """The identity of the next address to process. Rows that another worker has locked are passed over."""
    query = select(SignupRequest.address_key).order_by(SignupRequest.rank, SignupRequest.id).limit(1)
    return session.scalar(query.with_for_update(skip_locked=True))


def process_address(session: Session, suppression_key: SuppressionKey, address_key: AddressKey) -> int | None:
    """Process all sign-ups of an address; returns the id of the mail that came of them, or None.

    The last one counts: its preferences, and its words as the evidence of consent. An active reader keeps everything as
    it is, and is told so by mail. Addresses that must not be mailed get no mail and no row.
    """
    request = _take_requests(session, address_key)
    if request is None:
        return None
    suppression = suppressions.find_suppression(session, suppression_key, address_key)
    if suppressions.blocks_confirmation(None, suppression, clock.now()):
        return None
    chosen = Preferences.from_columns(request.preferences)
    reader = _find_or_create(session, request, chosen)
    if reader.status == SubscriberStatus.ACTIVE:
        return _add_mail(session, reader, AlreadySubscribed)
    if suppressions.blocks_confirmation(reader.status, suppression, clock.now()):
        return None
    reader.address = request.address  # the spelling that was typed last, until one is confirmed
    preferences.set_preferences(reader, chosen)
    _keep_evidence(session, reader, request)
    return _add_mail(session, reader, Confirmation)


def postpone(session: Session, address_key: AddressKey) -> None:
    """Let sign-ups whose processing failed wait for all others."""
    session.execute(
        update(SignupRequest)
        .where(SignupRequest.address_key == address_key)
        .values(rank=SignupRequest.rank + LATER)
        .execution_options(synchronize_session=False)
    )


def _take_requests(session: Session, address_key: AddressKey) -> SignupRequest | None:
    """Delete all sign-ups of the address that no other worker has locked; returns the last of them.

    Two workers at the same address wait for each other at its subscriber alone, and so cannot deadlock.
    """
    of_address = select(SignupRequest.id).where(SignupRequest.address_key == address_key)
    last = session.scalars(
        select(SignupRequest)
        .where(SignupRequest.address_key == address_key)
        .order_by(SignupRequest.id.desc())
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if last is not None:
        session.expunge(last)
        free = of_address.where(SignupRequest.id <= last.id).with_for_update(skip_locked=True)
        session.execute(
            delete(SignupRequest).where(SignupRequest.id.in_(free)).execution_options(synchronize_session=False)
        )
    return last


def _find_or_create(session: Session, request: SignupRequest, chosen: Preferences) -> Subscriber:
    """The subscriber of the address, locked; two workers at the same moment find the same one."""
    reader = queries.find_by_key(session, request.address_key, for_change=True)
    if reader is None:
        lifecycle.create(session, request.address, request.address_key, chosen, by=WORKER)
        reader = session.scalars(
            select(Subscriber).where(Subscriber.address_key == request.address_key).with_for_update()
        ).one()
    return reader


def _keep_evidence(session: Session, reader: Subscriber, request: SignupRequest) -> None:
    """Replace evidence that was never confirmed: words and preferences come from the same sign-up."""
    session.execute(
        delete(Consent)
        .where(Consent.subscriber_id == reader.id, Consent.confirmed_at.is_(None))
        .execution_options(synchronize_session=False)
    )
    session.add(
        Consent(subscriber_id=reader.id, wording=request.wording, page=request.page, requested_at=request.requested_at)
    )


def _add_mail(session: Session, reader: Subscriber, mail: type[AlreadySubscribed | Confirmation]) -> int | None:
    """Put the mail into the outgoing table, unless one went out a moment ago; returns its id.

    A reader may have unsubscribed since that one, and its link does not bring them back. Then the mail goes when the
    pause is over: otherwise somebody could keep them out by making the pause long.
    """
    now, not_before = clock.now(), None
    if reader.confirmation_sent_at is not None:
        since, pause = now - reader.confirmation_sent_at, backoff.pause_after(reader.confirmations_sent)
        if since < pause:
            if reader.unsubscribed_at is None or reader.unsubscribed_at <= reader.confirmation_sent_at:
                return None
            not_before = reader.confirmation_sent_at + pause
        if since >= backoff.RESET_AFTER:
            reader.confirmations_sent = 0
    reader.confirmation_sent_at = now
    reader.confirmations_sent += 1
    return outgoing_mails.add_mail(session, mail(now), subscriber_id=reader.id, not_before=not_before)
