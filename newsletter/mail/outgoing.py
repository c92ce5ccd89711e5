"""The outgoing table: single mails, written in the transaction that decides on them and sent by a worker.

A single mail (a confirmation) is sent at least once: when a worker dies or an answer is lost, it goes out again under
its Message-ID. A second copy of a link that someone waits for is harmless, a lost one is not (docs/decisions/0004).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now
from newsletter.mail.mail_types import MailPayload, MailTypes, WaitingMail
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import DEFERRED, REFUSED, WAITING, SendResult
from newsletter.mail.transports.base import Transport
from newsletter.mail.transports.errors import TransportError

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=3)
"""A link in a mail that could not be sent for so long would be of no use: the row is dropped, and logged."""
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class MailClaim:
    """A row that this worker has until its lease is over."""

    id: int
    kind: str
    subscriber_id: int | None
    payload: dict[str, Any]
    attempt: int


def add_mail(
    session: Session, payload: MailPayload, *, subscriber_id: int | None, not_before: datetime | None = None
) -> int:
    """Write a mail to be sent and return its id; the caller wakes a worker for it after the commit.

    `subscriber_id` is the reader whom it is about: the row goes with that reader. The clock finds a mail that is not to
    go out yet; it must go out less than GIVE_UP_AFTER from now.
    """
    row = OutgoingMail(kind=payload.kind, subscriber_id=subscriber_id, payload=payload.to_json(), not_before=not_before)
    session.add(row)
    session.flush()
    return row.id


def mails_about(session: Session, subscriber_id: int) -> Sequence[OutgoingMail]:
    """The mails that wait about one reader, oldest first."""
    query = select(OutgoingMail).where(OutgoingMail.subscriber_id == subscriber_id).order_by(OutgoingMail.id)
    return session.scalars(query).all()


def due_mails(session: Session, limit: int = 1000) -> list[int]:
    """Rows that nobody has and whose time has come: what a lost wake-up or a crash left behind, oldest first."""
    return list(session.scalars(select(OutgoingMail.id).where(*_free()).order_by(OutgoingMail.id).limit(limit)))


def send_mail(
    db: Database, settings: Settings, transport: Transport, mail_types: MailTypes, mail_id: int
) -> MailClaim | None:
    """Send one row, if it is still there and free; the row when it is gone after that, else None. Short transactions;
    none is open while the provider answers.
    """
    claim = _claim(db, mail_id, lease=transport.deadline * 2)
    if claim is None:
        return None
    record = SendResult(1)
    try:
        with db.reading() as session:
            mail = compose_row(session, settings, mail_types, claim)
        if mail is None:
            _drop(db, claim)
            return claim
        message, recipient = mail
        transport.send(message, [recipient], record)
    except TransportError as error:
        return _try_later(db, claim, str(error), getattr(error, "retry_after", None))
    except Exception as error:
        # A row that nobody can send must not come back each minute for ever; RQ keeps the error itself.
        _try_later(db, claim, f"Something unforeseen: {type(error).__name__}.", None)
        raise
    outcome = record.outcomes[0]
    if outcome in (DEFERRED, WAITING):  # waiting: the transport was asked to stop before it could send
        return _try_later(db, claim, record.reasons.get(0, ""), None)
    if outcome == REFUSED:
        log.warning("%s mail %d was refused: %s", claim.kind, claim.id, record.reasons.get(0, ""))
    _drop(db, claim)
    return claim


def compose_row(
    session: Session, settings: Settings, mail_types: MailTypes, row: MailClaim | OutgoingMail
) -> tuple[Message, Recipient] | None:
    """Write the mail of a row; None when there is nothing to send any more."""
    mail_type = mail_types[row.kind]
    waiting = WaitingMail(row.id, row.subscriber_id, mail_type.payload.from_json(row.payload))
    return mail_type.compose(session, settings, waiting)


def _free() -> tuple[Any, ...]:
    return (
        or_(OutgoingMail.lease_until.is_(None), OutgoingMail.lease_until < epoch_now()),
        or_(OutgoingMail.not_before.is_(None), OutgoingMail.not_before <= clock.now()),
    )


def _claim(db: Database, mail_id: int, lease: float) -> MailClaim | None:
    with db.transaction() as session:
        row = session.execute(
            update(OutgoingMail)
            .where(OutgoingMail.id == mail_id, *_free())
            .values(lease_until=epoch_now() + lease, attempt=OutgoingMail.attempt + 1)
            .returning(
                OutgoingMail.id,
                OutgoingMail.kind,
                OutgoingMail.subscriber_id,
                OutgoingMail.payload,
                OutgoingMail.attempt,
            )
            .execution_options(synchronize_session=False)
        ).one_or_none()
    return MailClaim(*row) if row else None


def _drop(db: Database, claim: MailClaim) -> None:
    with db.transaction() as session:
        session.execute(
            delete(OutgoingMail)
            .where(OutgoingMail.id == claim.id, OutgoingMail.attempt == claim.attempt)
            .execution_options(synchronize_session=False)
        )


def _try_later(db: Database, claim: MailClaim, note: str, retry_after: float | None) -> MailClaim | None:
    """Put the row back, or give it up; the row when it is gone."""
    with db.transaction() as session:
        row = session.get(OutgoingMail, claim.id)
        if row is None or row.attempt != claim.attempt:
            return None
        if clock.now() - row.created_at > GIVE_UP_AFTER:
            log.error("%s mail %d is given up after %s: %s", claim.kind, claim.id, GIVE_UP_AFTER, note)
            session.delete(row)
            return claim
        row.note = note
        row.lease_until = None
        row.not_before = clock.now() + _pause(claim.attempt, retry_after)
    return None


def _pause(attempt: int, retry_after: float | None) -> timedelta:
    """Doubling from 10 s, with jitter; never sooner than the provider asked."""
    seconds = min(10.0 * 2 ** min(attempt - 1, 10), LONGEST_PAUSE.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    return timedelta(seconds=max(seconds, retry_after or 0.0))
