"""The outgoing table: transactional mails, added in the transaction that decides on them, and claimed by a worker.

Each is sent at least once: when a worker dies or an answer is lost, it goes out again under its Message-ID. A second
copy of a link that a reader waits for is harmless, a lost one is not (docs/decisions/0004).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Float, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import UtcDateTime, epoch_now, log_after_commit, table_of
from newsletter.mail.mail_types import MailPayload
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outgoing_retries import GIVE_UP_AFTER, is_too_old, next_attempt_at

log = logging.getLogger(__name__)

P = TypeVar("P", bound=MailPayload)

_TABLE = table_of(OutgoingMail)


class NewMail(NamedTuple):
    """A mail to be added: see `add_mail`."""

    payload: MailPayload
    subscriber_id: int | None
    not_before: datetime | None = None


@dataclass(frozen=True)
class MailClaim:
    """A row that belongs to this worker until its lease is over."""

    id: int
    kind: str
    subscriber_id: int | None
    payload: dict[str, Any]
    attempt: int
    created_at: datetime


@dataclass(frozen=True)
class Postponed:
    """A claimed mail that was not accepted: why, and how many seconds the provider asked to wait, if it did."""

    claim: MailClaim
    note: str
    retry_after: float | None = None


def add_mail(
    session: Session, payload: MailPayload, *, subscriber_id: int | None, not_before: datetime | None = None
) -> int:
    """Add a mail and return its id. After the commit the caller queues a job (`Queues.enqueue_mails`).

    The row is deleted with the subscriber `subscriber_id`. A mail with `not_before` is queued by the clock; that time
    must be less than `outgoing_retries.GIVE_UP_AFTER` from now.
    """
    row = OutgoingMail(kind=payload.kind, subscriber_id=subscriber_id, payload=payload.to_json(), not_before=not_before)
    session.add(row)
    session.flush()
    return row.id


def add_mails(session: Session, mails: Sequence[NewMail]) -> None:
    """Add many mails in one statement, as `add_mail` does one."""
    now = clock.now()
    rows = [
        {
            "kind": mail.payload.kind,
            "payload": mail.payload.to_json(),
            "subscriber_id": mail.subscriber_id,
            "not_before": mail.not_before,
            "created_at": now,
        }
        for mail in mails
    ]
    if rows:
        session.connection().execute(_ADD, rows)


def amend_mail(session: Session, payload: type[P], subscriber_id: int, amend: Callable[[P], P]) -> bool:
    """Change the payload of the mail of this kind about a subscriber; False when none waits that no worker has."""
    query = select(OutgoingMail).where(
        OutgoingMail.kind == payload.kind,
        OutgoingMail.subscriber_id == subscriber_id,
        OutgoingMail.lease_until.is_(None),
    )
    row = session.scalars(query.order_by(OutgoingMail.id).limit(1).with_for_update()).first()
    if row is None:
        return False
    row.payload = amend(payload.from_json(row.payload)).to_json()
    return True


def mails_about(session: Session, subscriber_id: int) -> Sequence[OutgoingMail]:
    """The waiting mails about one subscriber, oldest first."""
    query = select(OutgoingMail).where(OutgoingMail.subscriber_id == subscriber_id).order_by(OutgoingMail.id)
    return session.scalars(query).all()


def mails_wait(session: Session) -> bool:
    """Whether a mail is due and unclaimed."""
    return session.connection().scalar(_FIRST_DUE, {"now": clock.now()}) is not None


def claim_mails(session: Session, lease: float, limit: int) -> list[MailClaim]:
    """Claim up to `limit` mails that are due, oldest first, for `lease` seconds. Other workers pass them over."""
    rows = session.connection().execute(_CLAIM, {"now": clock.now(), "lease": lease, "most": limit})
    return sorted((MailClaim(*row) for row in rows), key=lambda claim: claim.id)


def renew(session: Session, claims: Collection[MailClaim], lease: float) -> bool:
    """Renew the leases of these claims, where they still hold; whether all of them do."""
    return _execute(session, update(_TABLE).where(*_OWN).values(lease_until=epoch_now() + lease), claims)


def release(session: Session, claims: Collection[MailClaim]) -> None:
    """Give back mails that were not tried: another job may send them at once."""
    _execute(session, update(_TABLE).where(*_OWN).values(lease_until=None), claims)


def drop(session: Session, claims: Collection[MailClaim]) -> None:
    """Delete mails that were sent, or that nobody needs any more."""
    _execute(session, _DROP, claims)


def postpone(session: Session, postponed: Collection[Postponed]) -> list[MailClaim]:
    """Put mails back until later. Those that are too old are given up: deleted, and returned."""
    given_up = [each for each in postponed if is_too_old(each.claim.created_at)]
    for claim, note in ((each.claim, each.note) for each in given_up):
        log_after_commit(session, log).error(
            "%s mail %d is given up after %s: %s", claim.kind, claim.id, GIVE_UP_AFTER, note
        )
    drop(session, [each.claim for each in given_up])
    rows = [
        {**_own(each.claim), "note": each.note, "not_before": next_attempt_at(each.claim.attempt, each.retry_after)}
        for each in postponed
        if each not in given_up
    ]
    if rows:
        values: dict[str, Any] = {"note": bindparam("note"), "not_before": bindparam("not_before"), "lease_until": None}
        session.connection().execute(update(_TABLE).where(*_OWN).values(values), rows)
    return [each.claim for each in given_up]


_OWN = (_TABLE.c.id == bindparam("claimed_id"), _TABLE.c.attempt == bindparam("claimed_attempt"))
"""The row of a claim, unless its lease ran out and another worker has it."""


def _own(claim: MailClaim) -> dict[str, Any]:
    return {"claimed_id": claim.id, "claimed_attempt": claim.attempt}


def _execute(session: Session, statement: Any, claims: Collection[MailClaim]) -> bool:
    """Change the rows of these claims; whether each was still there, and this worker's."""
    if not claims:
        return True
    return session.connection().execute(statement, [_own(claim) for claim in claims]).rowcount == len(claims)


# Made once: a worker that waits for more executes each several times a second.
_ADD = insert(_TABLE)
_DROP = delete(_TABLE).where(*_OWN)
_DUE = select(_TABLE.c.id).where(
    or_(_TABLE.c.lease_until.is_(None), _TABLE.c.lease_until < epoch_now()),
    or_(_TABLE.c.not_before.is_(None), _TABLE.c.not_before <= bindparam("now", type_=UtcDateTime())),
)
"""The rows that are due and that no worker has."""
_FIRST_DUE = _DUE.limit(1)
_CLAIM = (
    update(_TABLE)
    .where(
        _TABLE.c.id.in_(
            _DUE.order_by(_TABLE.c.id).limit(bindparam("most")).with_for_update(skip_locked=True).scalar_subquery()
        )
    )
    .values(lease_until=epoch_now() + bindparam("lease", type_=Float()), attempt=_TABLE.c.attempt + 1)
    .returning(
        _TABLE.c.id, _TABLE.c.kind, _TABLE.c.subscriber_id, _TABLE.c.payload, _TABLE.c.attempt, _TABLE.c.created_at
    )
)
