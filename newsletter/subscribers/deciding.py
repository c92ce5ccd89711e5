"""What comes of a sign-up: a worker decides it, so that the door's answer can tell nobody who is known here.

All sign-ups of one address are decided on together, in one short transaction, and bring one mail at most. What each
state of a reader is mailed stands as a table in docs/readers.md.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.mail import outgoing
from newsletter.subscribers import choices, suppressions
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.inserting import insert_new
from newsletter.subscribers.models import Consent, SignupRequest, Status, Subscriber

PERIOD = timedelta(minutes=10)
"""One mail at most in this time for an address, whoever signs it up how often. The pause doubles with each mail in a
row, up to LONGEST_PERIOD: a victim of list bombing gets a handful of mails on the first day, and one on each other.
"""
LONGEST_PERIOD = timedelta(days=1)
FRESH_AFTER = timedelta(days=3)
"""Without a sign-up for so long, the pauses begin anew."""

LATER = 1000
"""Added to the rank of a sign-up that could not be decided on, so that it holds up no other."""


def waits(session: Session) -> bool:
    """Whether there is a sign-up to decide on."""
    return session.scalar(select(SignupRequest.id).limit(1)) is not None


def next_address(session: Session) -> str | None:
    """The key of the address whose turn it is; one that another worker has is passed over."""
    turn = select(SignupRequest.address_key).order_by(SignupRequest.rank, SignupRequest.id).limit(1)
    return session.scalar(turn.with_for_update(skip_locked=True))


def decide(session: Session, suppression_key: str, address_key: str) -> int | None:
    """Work off all sign-ups of an address; returns the id of the mail that came of them, or None.

    The one made last counts: its choices, and its words as the evidence of consent. A reader who is active keeps
    everything as it is, and hears so. An address that must not be asked is not written to, nor written down.
    """
    request = _take(session, address_key)
    if request is None:
        return None
    found = suppressions.find(session, suppression_key, address_key)
    if suppressions.holds(None, found, clock.now()):
        return None
    reader = _find_or_add(session, request)
    if reader.status == Status.ACTIVE:
        return _mail(session, reader, "already")
    if suppressions.holds(reader.status, found, clock.now()):
        return None
    choices.change(reader, Choices.from_columns(request.choices))
    _keep_evidence(session, reader, request)
    return _mail(session, reader, "confirmation")


def put_off(session: Session, address_key: str) -> None:
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


def _find_or_add(session: Session, request: SignupRequest) -> Subscriber:
    """The reader of the address, locked; two workers at the same moment find the same one."""
    query = select(Subscriber).where(Subscriber.address_key == request.address_key).with_for_update()
    found = session.scalar(query)
    if found is None:
        insert_new(session, [{"address": request.address, "address_key": request.address_key, **request.choices}])
        found = session.scalars(query).one()
    return found


def _keep_evidence(session: Session, reader: Subscriber, request: SignupRequest) -> None:
    """In place of what was never confirmed: the words that count are those of the choices that count."""
    session.execute(
        delete(Consent)
        .where(Consent.subscriber_id == reader.id, Consent.confirmed_at.is_(None))
        .execution_options(synchronize_session=False)
    )
    session.add(Consent(subscriber_id=reader.id, wording=request.wording, page=request.page, asked_at=request.asked_at))


def _mail(session: Session, reader: Subscriber, kind: str) -> int | None:
    """The mail, unless one went out a moment ago. To a reader who left since that one, whose link brings them back no
    more, it goes when the pause is over: else whoever made the pause long could keep them out.
    """
    now, due = clock.now(), None
    if reader.asked_at is not None:
        quiet, pause = now - reader.asked_at, period(reader.asked_times)
        if quiet < pause:
            if reader.left_at is None or reader.left_at <= reader.asked_at:
                return None
            due = reader.asked_at + pause
        if quiet >= FRESH_AFTER:
            reader.asked_times = 0
    reader.asked_at = now
    reader.asked_times += 1
    return outgoing.put(session, kind, {"subscriber": reader.id, "asked_at": now.isoformat()}, not_before=due)


def period(times: int) -> timedelta:
    """The pause after so many mails in a row."""
    doublings = min(max(times - 1, 0), 16)
    return min(PERIOD * (1 << doublings), LONGEST_PERIOD)
