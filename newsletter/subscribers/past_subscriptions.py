"""Past subscriptions: of readers whose end is long ago, keyed hashes and the evidence of consent are left.

It is alike for all who ended: unsubscribed, bounced and complained. The hash keeps an address from imports, and one
that complained from sign-ups; the evidence answers whoever asks why mail went to an address. Nothing else is needed
once providers' late reports have come, so address, preferences and the record of letters go. The evidence goes too,
when no claim can be made any more.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers import lifecycle
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    OneTimeLink,
    PastSubscription,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
)
from newsletter.subscribers.retention import BATCH_SIZE, UNCONFIRMED_FOR
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import ToSuppress

REASONS = {
    SubscriberStatus.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    SubscriberStatus.BOUNCED: SuppressionReason.BOUNCED,
    SubscriberStatus.COMPLAINED: SuppressionReason.COMPLAINED,
}
"""Why an address is suppressed, by the way in which its subscription ended."""


def reduce_ended(session: Session, suppression_key: SuppressionKey, kept_for: timedelta, *, by: Actor) -> int:
    """Reduce some readers whose subscription ended longer than `kept_for` ago; returns how many they were.

    Readers with a link under way wait: a sign-up that can be confirmed, a one-time link, a change of address.
    """
    readers = session.scalars(
        select(Subscriber)
        .where(Subscriber.status.in_(REASONS), Subscriber.ended_at < clock.now() - kept_for, *_nothing_under_way())
        .order_by(Subscriber.id)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
    ).all()
    if not readers:
        return 0
    consents = _evidence(session, readers)
    suppressions.suppress_all(
        session,
        suppression_key,
        [ToSuppress(reader.address_key, REASONS[reader.status], _ended_at(reader)) for reader in readers],
    )
    session.add_all(
        PastSubscription(
            key_hash=suppressions.suppression_hash(suppression_key, reader.address_key),
            token_hash=_token_hash(reader.token),
            ended_as=reader.status,
            reason=reader.unsubscribe_reason,
            confirmed_at=reader.confirmed_at,
            ended_at=_ended_at(reader),
            consents=consents[reader.id],
        )
        for reader in readers
    )
    session.flush()
    lifecycle.reduce(session, readers, by=by)
    return len(readers)


def delete_old_evidence(session: Session, kept_for: timedelta) -> bool:
    """Delete the evidence of subscriptions that ended longer than `kept_for` ago; whether there may be more.

    The hashes stay.
    """
    old = (
        select(PastSubscription.id)
        .where(PastSubscription.consents.is_not(None), PastSubscription.ended_at < clock.now() - kept_for)
        .limit(BATCH_SIZE)
    )
    ids = session.scalars(old).all()
    session.execute(
        update(PastSubscription).where(PastSubscription.id.in_(ids)).values(consents=None, confirmed_at=None),
        execution_options={"synchronize_session": False},
    )
    return len(ids) == BATCH_SIZE


def past_of_address(
    session: Session, suppression_key: SuppressionKey, address_key: AddressKey
) -> Sequence[PastSubscription]:
    """The past subscriptions of an address, the latest first."""
    hashes = suppressions.suppression_hashes(suppression_key, address_key)
    query = select(PastSubscription).where(PastSubscription.key_hash.in_(hashes))
    return session.scalars(query.order_by(PastSubscription.ended_at.desc())).all()


def is_past(session: Session, token: str) -> bool:
    """Whether a token of letters belongs to a past subscription."""
    query = select(PastSubscription.id).where(PastSubscription.token_hash == _token_hash(token))
    return session.scalar(query) is not None


def _token_hash(token: str) -> bytes:
    """No key is needed: a token is random, and nobody can try them all."""
    return hashlib.sha256(token.encode()).digest()


def _nothing_under_way() -> tuple[ColumnElement[bool], ...]:
    recently = clock.now() - UNCONFIRMED_FOR
    return (
        or_(Subscriber.confirmation_sent_at.is_(None), Subscriber.confirmation_sent_at < recently),
        ~exists().where(OneTimeLink.subscriber_id == Subscriber.id, OneTimeLink.requested_at >= recently),
        ~exists().where(AddressChange.subscriber_id == Subscriber.id),
    )


def _evidence(session: Session, readers: Sequence[Subscriber]) -> dict[int, list[dict[str, str]]]:
    found: dict[int, list[dict[str, str]]] = defaultdict(list)
    rows = session.scalars(
        select(Consent)
        .where(Consent.subscriber_id.in_([reader.id for reader in readers]), Consent.confirmed_at.is_not(None))
        .order_by(Consent.id)
    )
    for row in rows:
        found[row.subscriber_id].append(
            {
                "wording": row.wording,
                "page": row.page,
                "requested_at": row.requested_at.isoformat(),
                "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else "",
            }
        )
    return found


def _ended_at(reader: Subscriber) -> datetime:
    return reader.ended_at or clock.now()
