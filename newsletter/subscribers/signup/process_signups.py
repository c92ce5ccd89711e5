"""Processing sign-ups: a worker decides, so that the answer to a sign-up tells nobody who is subscribed.

All sign-ups of one address are processed together and bring one mail at most; many addresses share a transaction. A
table in docs/readers.md says which mail goes to a reader of which status.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import WORKER
from newsletter.core.db import table_of
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.mail import outgoing_mails
from newsletter.mail.outgoing_mails import NewMail
from newsletter.subscribers import backoff, lifecycle, preferences
from newsletter.subscribers.bulk_insert import PendingReader
from newsletter.subscribers.mail_payloads import AlreadySubscribed, Confirmation
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import Consent, SignupRequest, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions

LATER = 1000
"""Added to the rank of a sign-up whose processing failed, so that it delays no other."""


_TABLE, _CONSENTS = table_of(SignupRequest), table_of(Consent)
_HAS_KEY = _TABLE.c.address_key.in_(bindparam("keys", expanding=True))

# Made once: to make them anew takes half as long as to execute them, and a worker that waits for more does so several
# times a second.
_ANY = select(_TABLE.c.id).limit(1)
_NEXT_KEYS = (
    select(_TABLE.c.address_key)
    .order_by(_TABLE.c.rank, _TABLE.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_OF_KEYS = (
    select(_TABLE.c.id, _TABLE.c.address_key).where(_HAS_KEY).order_by(_TABLE.c.id).with_for_update(skip_locked=True)
)
_REQUESTS = select(SignupRequest).where(SignupRequest.id.in_(bindparam("numbers", expanding=True)))
_DELETE = delete(_TABLE).where(
    _TABLE.c.id.in_(
        select(_TABLE.c.id).where(_HAS_KEY, _TABLE.c.id <= bindparam("last")).with_for_update(skip_locked=True)
    )
)
_READERS = (
    select(Subscriber)
    .where(Subscriber.address_key.in_(bindparam("keys", expanding=True)))
    .order_by(Subscriber.id)
    .with_for_update()
)
_DELETE_UNCONFIRMED = delete(_CONSENTS).where(
    _CONSENTS.c.subscriber_id.in_(bindparam("readers", expanding=True)), _CONSENTS.c.confirmed_at.is_(None)
)
_ADD_EVIDENCE = insert(_CONSENTS)


def signups_wait(session: Session) -> bool:
    """Whether there is a sign-up to process."""
    return session.connection().scalar(_ANY) is not None


def process_addresses(session: Session, suppression_key: SuppressionKey, pauses: MailboxPauses, limit: int) -> int:
    """Process all sign-ups of up to `limit` addresses, and add the mails that come of them; returns how many addresses.

    The last sign-up counts: its preferences, and its words as the evidence of consent. An active reader keeps
    everything as it is, and is told so by mail. Addresses that must not be mailed get no mail and no row.
    """
    requests = _take_requests(session, limit)
    suppressed = suppressions.find_suppressions(session, suppression_key, [each.address_key for each in requests])
    now = clock.now()
    open_to_mail = [
        each for each in requests if not suppressions.blocks_confirmation(None, suppressed.get(each.address_key), now)
    ]
    chosen = {each.address_key: Preferences.from_columns(each.preferences) for each in open_to_mail}
    readers = _find_or_create(session, open_to_mail, chosen)
    wanted: list[_WantedMail] = []
    consents: list[dict[str, Any]] = []
    for request in open_to_mail:
        reader = readers[request.address_key]
        if reader.status == SubscriberStatus.ACTIVE:
            wanted.append(_WantedMail(reader, AlreadySubscribed))
        elif not suppressions.blocks_confirmation(reader.status, suppressed.get(request.address_key), now):
            reader.address = request.address  # the spelling that was typed last, until one is confirmed
            preferences.set_preferences(reader, chosen[request.address_key])
            consents.append(_evidence(reader, request))
            wanted.append(_WantedMail(reader, Confirmation))
    _replace_evidence(session, consents)
    _add_mails(session, pauses, wanted)
    return len(requests)


def postpone_next(session: Session) -> None:
    """Let the sign-ups of the next address, whose processing failed, wait for all others."""
    for address_key in _next_addresses(session, 1):
        session.execute(
            update(SignupRequest)
            .where(SignupRequest.address_key == address_key)
            .values(rank=SignupRequest.rank + LATER)
            .execution_options(synchronize_session=False)
        )


def _next_addresses(session: Session, limit: int) -> list[AddressKey]:
    """The identities of the next addresses to process. Rows that another worker has locked are passed over."""
    return list(dict.fromkeys(session.connection().scalars(_NEXT_KEYS, {"most": limit})))


def _take_requests(session: Session, limit: int) -> list[SignupRequest]:
    """Delete all sign-ups of the next addresses that no other worker has locked; returns the last of each address,
    in the order in which they are to be processed.

    Two workers at the same address wait for each other at its subscriber alone, and so cannot deadlock.
    """
    keys = _next_addresses(session, limit)
    locked = session.connection().execute(_OF_KEYS, {"keys": keys}).all()
    if not locked:
        return []
    last = {address_key: number for number, address_key in locked}
    requests = session.scalars(_REQUESTS, {"numbers": list(last.values())}).all()
    for request in requests:
        session.expunge(request)
    session.connection().execute(_DELETE, {"keys": keys, "last": locked[-1].id})
    return sorted(requests, key=lambda request: keys.index(request.address_key))


def _find_or_create(
    session: Session, requests: Sequence[SignupRequest], chosen: Mapping[AddressKey, Preferences]
) -> dict[AddressKey, Subscriber]:
    """The subscribers of the addresses, locked; two workers at the same moment find the same ones."""
    # Sorted: two workers add the same addresses in the same order.
    in_order = sorted(requests, key=lambda each: each.address_key)
    if pending := [PendingReader(each.address, each.address_key, chosen[each.address_key]) for each in in_order]:
        lifecycle.create_many(session, pending, by=WORKER)
    return _locked(session, chosen.keys())


def _locked(session: Session, keys: Collection[AddressKey]) -> dict[AddressKey, Subscriber]:
    return {reader.address_key: reader for reader in session.scalars(_READERS, {"keys": list(keys)})}


def _evidence(reader: Subscriber, request: SignupRequest) -> dict[str, Any]:
    return {
        "subscriber_id": reader.id,
        "wording": request.wording,
        "page": request.page,
        "requested_at": request.requested_at,
    }


def _replace_evidence(session: Session, consents: Sequence[Mapping[str, Any]]) -> None:
    """Replace evidence that was never confirmed: words and preferences come from the same sign-up."""
    if not consents:
        return
    readers = [consent["subscriber_id"] for consent in consents]
    session.connection().execute(_DELETE_UNCONFIRMED, {"readers": readers})
    session.connection().execute(_ADD_EVIDENCE, consents)


class _WantedMail(NamedTuple):
    reader: Subscriber
    mail: type[AlreadySubscribed | Confirmation]


class _Pause(NamedTuple):
    """The pause of a reader's own address."""

    wait: timedelta
    is_owed: bool
    """The reader has unsubscribed since the last mail, whose link does not bring them back: this one must not be left
    out. Otherwise somebody could keep them out by making the pause long."""


def _add_mails(session: Session, pauses: MailboxPauses, wanted: Sequence[_WantedMail]) -> None:
    """Add the mails, but those of addresses to which one went a moment ago.

    One that is owed goes when the pause is over. A mail to another spelling waits for the mailbox's pause too, and is
    left out if that is long.
    """
    now = clock.now()
    due = [(each, pause) for each in wanted if (pause := _own_pause(session, each.reader, now)) is not None]
    waits = pauses.waits_before_mails([each.reader.address_key for each, _ in due])
    mails = []
    for ((reader, mail), pause), mailbox_wait in zip(due, waits, strict=True):
        if mailbox_wait is None and not pause.is_owed:
            continue
        wait = max(pause.wait, mailbox_wait or timedelta())
        if reader.confirmation_sent_at is not None and now - reader.confirmation_sent_at >= backoff.RESET_AFTER:
            reader.confirmations_sent = 0
        reader.confirmation_sent_at = now
        reader.confirmations_sent += 1
        mails.append(NewMail(mail(now), reader.id, now + wait if wait else None))
    outgoing_mails.add_mails(session, mails)


def _own_pause(session: Session, reader: Subscriber, now: datetime) -> _Pause | None:
    """The pause before a mail to this reader; None when the mail is to be left out."""
    if reader.confirmation_sent_at is None:
        return _Pause(timedelta(), is_owed=False)
    is_owed = reader.unsubscribed_at is not None and reader.unsubscribed_at > reader.confirmation_sent_at
    ends = reader.confirmation_sent_at + backoff.pause_after(reader.confirmations_sent)
    if not is_owed and (ends > now or _waits(session, reader, now)):
        return None
    return _Pause(max(ends - now, timedelta()), is_owed)


def _waits(session: Session, reader: Subscriber, now: datetime) -> bool:
    """Whether a mail of a sign-up waits for its time: a later one would take its place, and wait for longer."""
    kinds = (Confirmation.kind, AlreadySubscribed.kind)
    mails = outgoing_mails.mails_about(session, reader.id)
    return any(mail.kind in kinds and mail.not_before is not None and mail.not_before > now for mail in mails)
