"""The outgoing table: transactional mails, added in the transaction that decides on them and sent by a worker.

Each is sent at least once: when a worker dies or an answer is lost, it goes out again under its Message-ID. A second
copy of a link that a reader waits for is harmless, a lost one is not (docs/decisions/0004).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now
from newsletter.mail import return_path
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.mail_types import MailPayload, MailTypes, WaitingMail
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import DEFERRED, REFUSED, WAITING, SendResult
from newsletter.mail.transports.base import NOT_AN_ADDRESS, Transport
from newsletter.mail.transports.errors import TransportError

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=3)
"""A mail that could not be sent for so long is dropped, and logged: its link would be of no use."""
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class MailClaim:
    """A row that belongs to this worker until its lease is over."""

    id: int
    kind: str
    subscriber_id: int | None
    payload: dict[str, Any]
    attempt: int


def add_mail(
    session: Session, payload: MailPayload, *, subscriber_id: int | None, not_before: datetime | None = None
) -> int:
    """Add a mail and return its id. After the commit the caller queues a job for it (`Queues.enqueue_mail`).

    The row is deleted with the subscriber `subscriber_id`. A mail with `not_before` is queued by the clock; that time
    must be less than GIVE_UP_AFTER from now.
    """
    row = OutgoingMail(kind=payload.kind, subscriber_id=subscriber_id, payload=payload.to_json(), not_before=not_before)
    session.add(row)
    session.flush()
    return row.id


def mails_about(session: Session, subscriber_id: int) -> Sequence[OutgoingMail]:
    """The waiting mails about one subscriber, oldest first."""
    query = select(OutgoingMail).where(OutgoingMail.subscriber_id == subscriber_id).order_by(OutgoingMail.id)
    return session.scalars(query).all()


def due_mails(session: Session, limit: int = 1000) -> list[int]:
    """The mails that are due and unclaimed, because of a lost job or a crash, oldest first."""
    return list(session.scalars(select(OutgoingMail.id).where(*_claimable()).order_by(OutgoingMail.id).limit(limit)))


def send_mail(
    db: Database, settings: Settings, transport: Transport, mail_types: MailTypes, mail_id: int
) -> MailClaim | None:
    """Send one mail, if its row is there and unclaimed. Returns the claim if the row is deleted afterwards, else None.

    The transactions are short: none is open while the provider answers.
    """
    lease = transport.silence * 2
    claim = _claim(db, mail_id, lease)
    if claim is None:
        return None
    result = SendResult(1, keep_alive=_Lease(db, claim, lease).keep)
    try:
        with db.reading() as session:
            mail = compose_row(session, settings, mail_types, claim)
        if mail is None:
            _drop(db, claim)
            return claim
        message, recipient = mail
        transport.send(_with_return_path(message, settings, claim, recipient), [recipient], result)
    except TransportError as error:
        return _try_later(db, claim, str(error), getattr(error, "retry_after", None))
    except Exception as error:
        # A mail that always fails must not be tried each minute for ever. RQ keeps the error itself.
        _try_later(db, claim, f"Unforeseen error: {type(error).__name__}.", None)
        raise
    outcome = result.outcomes[0]
    if outcome in (DEFERRED, WAITING):  # waiting: the process had to stop before the transport could send
        return _try_later(db, claim, result.reasons.get(0, ""), None)
    if outcome == REFUSED and not _is_about_recipient(result):
        return _try_later(db, claim, result.reasons[0], None)
    if outcome == REFUSED:
        log.warning("%s mail %d was refused: %s", claim.kind, claim.id, result.reasons.get(0, ""))
    _drop(db, claim)
    return claim


class _Lease:
    """The lease on a row, renewed while a mail server takes its time over the answer."""

    def __init__(self, db: Database, claim: MailClaim, seconds: float) -> None:
        self._db, self._claim, self._seconds = db, claim, seconds
        self._renewed = time.monotonic()

    def keep(self) -> None:
        """Renew once a third of it is over. If the database fails, the next call tries again."""
        if time.monotonic() - self._renewed < self._seconds / 3:
            return
        with suppress(DBAPIError), self._db.transaction() as session:
            session.execute(
                update(OutgoingMail)
                .where(OutgoingMail.id == self._claim.id, OutgoingMail.attempt == self._claim.attempt)
                .values(lease_until=epoch_now() + self._seconds)
                .execution_options(synchronize_session=False)
            )
            self._renewed = time.monotonic()


def _is_about_recipient(result: SendResult) -> bool:
    """Whether a refusal is final: the mailbox is not there, or no mail can be sent to this address. Any other may be
    about us, and a mail that a reader waits for is kept."""
    return result.about[0] is FailureKind.MAILBOX or result.reasons[0] == NOT_AN_ADDRESS


def compose_row(
    session: Session, settings: Settings, mail_types: MailTypes, row: MailClaim | OutgoingMail
) -> tuple[Message, Recipient] | None:
    """Compose the mail of a row; None when there is nothing to send any more."""
    mail_type = mail_types[row.kind]
    waiting = WaitingMail(row.id, row.subscriber_id, mail_type.payload.from_json(row.payload))
    return mail_type.compose(session, settings, waiting)


def _with_return_path(message: Message, settings: Settings, claim: MailClaim, recipient: Recipient) -> Message:
    """The message with a return path of its own, if there is a subscriber whom a bounce can be about."""
    if not settings.return_path_domain or claim.subscriber_id is None:
        return message
    key = return_path.return_path_key(settings.suppression_key)
    address = return_path.signed_mail_address(
        key, settings.return_path_domain, claim.subscriber_id, recipient.address, clock.now()
    )
    return replace(message, bounce_address=address)


def _claimable() -> tuple[Any, ...]:
    """The conditions of rows that are due and that no worker has."""
    return (
        or_(OutgoingMail.lease_until.is_(None), OutgoingMail.lease_until < epoch_now()),
        or_(OutgoingMail.not_before.is_(None), OutgoingMail.not_before <= clock.now()),
    )


def _claim(db: Database, mail_id: int, lease: float) -> MailClaim | None:
    with db.transaction() as session:
        row = session.execute(
            update(OutgoingMail)
            .where(OutgoingMail.id == mail_id, *_claimable())
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
    """Put the row back until later, or give it up. Returns the claim if the row is deleted, else None."""
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
    """The time until the next try: doubled from 10 s, with jitter, and never less than the provider asked for."""
    seconds = min(10.0 * 2 ** min(attempt - 1, 10), LONGEST_PAUSE.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    return timedelta(seconds=max(seconds, retry_after or 0.0))
