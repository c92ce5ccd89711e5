"""The states of a digest, and the only code that changes them.

This module alone writes a digest's status, version and what belongs to its states: paused_reason, paused_note,
scheduled_at, provider_schedule, frozen_at, sent_at, letter_name and letter_since. Each change is one conditional
UPDATE, so that of two who act at the same moment one succeeds and the other gets an error. It raises the version by one
and logs the actor.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.db import log_after_commit
from newsletter.core.errors import ConflictError
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.digests.queries import get_digest

log = logging.getLogger(__name__)


class Transition(NamedTuple):
    """A change that is allowed from some statuses."""

    done: str
    """Completes "cannot be …" in an error and "digest 5 is …" in the log."""
    sources: frozenset[DigestStatus]
    target: DigestStatus


def _transition(done: str, *sources: DigestStatus, to: DigestStatus) -> Transition:
    return Transition(done, frozenset(sources), to)


_S = DigestStatus

EDIT = _transition("edited", _S.DRAFT, to=_S.DRAFT)
SCHEDULE = _transition("scheduled", _S.DRAFT, _S.SCHEDULED, to=_S.SCHEDULED)
UNSCHEDULE = _transition("unscheduled", _S.SCHEDULED, _S.PAUSED, to=_S.DRAFT)
BEGIN_SENDING = _transition("frozen", _S.SCHEDULED, to=_S.SENDING)
PAUSE = _transition("paused", _S.SENDING, to=_S.PAUSED)
PAUSE_OPEN = _transition("paused", _S.SENDING, _S.SCHEDULED, to=_S.PAUSED)
RESUME_SENDING = _transition("resumed", _S.PAUSED, to=_S.SENDING)
RESUME_SCHEDULED = _transition("resumed", _S.PAUSED, to=_S.SCHEDULED)
MARK_SENT = _transition("marked as sent", _S.SENDING, to=_S.SENT)
REOPEN = _transition("sent again", _S.SENT, _S.SENDING, to=_S.SENDING)
CANCEL = _transition("cancelled", _S.DRAFT, _S.SCHEDULED, _S.SENDING, _S.PAUSED, to=_S.CANCELLED)


def is_sending(session: Session, digest_id: int) -> bool:
    """Whether the digest is being sent at present."""
    return session.scalar(select(Digest.status).where(Digest.id == digest_id)) == DigestStatus.SENDING


def require(digest: Digest, transition: Transition) -> None:
    """Raise ConflictError unless the digest, as it was read, allows the transition: before work that it would waste."""
    if digest.status not in transition.sources:
        raise _conflict(digest, transition, None)


def begin_edit(session: Session, digest_id: int, version: int, *, by: Actor) -> Digest:
    """Reserve a draft, as it was read at `version`, for changes of its words in this transaction.

    Raises ConflictError when the digest is no draft, or when somebody changed it since it was read.
    """
    _change(session, digest_id, EDIT, by, version=version)
    return _reloaded(session, digest_id)


def schedule(
    session: Session, digest_id: int, version: int, at: datetime, *, provider_schedule: bool, by: Actor
) -> Digest:
    """Set or move the time of the digest that the preflight looked at in `version`.

    Raises ConflictError when the digest is neither draft nor scheduled, or when somebody changed it since it was read.
    """
    values = {"scheduled_at": at, "provider_schedule": provider_schedule}
    _change(session, digest_id, SCHEDULE, by, version=version, values=values)
    return _reloaded(session, digest_id)


def unschedule(session: Session, digest_id: int, *, by: Actor) -> Digest:
    """Make a scheduled digest a draft again, or one that was paused before its freeze.

    Raises ConflictError for any other: its recipients are written down, and SendGrid may have its mails already.
    """
    values = {"scheduled_at": None, "provider_schedule": False}
    if not _update(session, digest_id, UNSCHEDULE, by, where=[Digest.frozen_at.is_(None)], values=values):
        raise _not_unscheduled(_reloaded(session, digest_id))
    return _reloaded(session, digest_id)


def begin_sending(session: Session, digest_id: int, version: int, letter_name: str, *, by: Actor) -> bool:
    """Freeze the digest that was rendered from `version`, with `letter_name` in its mails.

    False when somebody else froze it, when it was moved, paused, cancelled or changed meanwhile, or when another digest
    took the name: then it has to be rendered again.
    """
    values = {"frozen_at": clock.now(), "letter_name": letter_name}
    try:
        with session.begin_nested():
            return _update(session, digest_id, BEGIN_SENDING, by, version=version, values=values)
    except IntegrityError:
        return False


def list_letters(session: Session, digest_ids: Collection[int]) -> None:
    """Put digests into the list of letters, as of their time: a mail of each was accepted."""
    session.execute(
        update(Digest)
        .where(Digest.id.in_(digest_ids), Digest.letter_name.is_not(None), Digest.letter_since.is_(None))
        .values({"letter_since": Digest.scheduled_at})
        .execution_options(synchronize_session=False)
    )


def pause(
    session: Session,
    digest_id: int,
    reason: PausedReason,
    note: str | None,
    *,
    version: int | None = None,
    by: Actor,
) -> Digest:
    """Stop sending; `note` tells an editor the reason. Workers stop within a second or one provider request.

    For an error a scheduled digest is paused too, and a digest that is in neither state, or not at `version` any more,
    stays as it is: somebody has already decided about it. For any other reason raises ConflictError unless the digest
    is being sent.
    """
    values = {"paused_reason": reason, "paused_note": note}
    if reason is PausedReason.ERROR:
        _update(session, digest_id, PAUSE_OPEN, by, version=version, values=values)
    else:
        _change(session, digest_id, PAUSE, by, version=version, values=values)
    return _reloaded(session, digest_id)


def pause_open(
    session: Session,
    statuses: Collection[DigestStatus],
    reason: PausedReason,
    note: str,
    *,
    by: Actor,
    scheduled_before: datetime | None = None,
) -> list[int]:
    """Pause every digest in one of `statuses` (sending, scheduled), or those of an earlier time only; their numbers."""
    where: list[ColumnElement[bool]] = [Digest.status.in_(PAUSE_OPEN.sources.intersection(statuses))]
    if scheduled_before is not None:
        where.append(Digest.scheduled_at < scheduled_before)
    return _update_all(session, PAUSE_OPEN, by, where, {"paused_reason": reason, "paused_note": note})


def resume(session: Session, digest_id: int, *, by: Actor) -> Digest:
    """Continue a paused digest. One that was not frozen yet is scheduled again, and for now if its time has passed.

    Raises ConflictError unless it is paused.
    """
    now = clock.now()
    if get_digest(session, digest_id).frozen_at is not None:
        _change(session, digest_id, RESUME_SENDING, by, where=[Digest.frozen_at.is_not(None)])
    else:
        time = case((Digest.scheduled_at > now, Digest.scheduled_at), else_=now)
        values = {"scheduled_at": time}
        _change(session, digest_id, RESUME_SCHEDULED, by, where=[Digest.frozen_at.is_(None)], values=values)
    return _reloaded(session, digest_id)


def cancel(session: Session, digest_id: int, *, by: Actor) -> Digest:
    """End a digest for good. Only its status: the ledger cancels the recipients who wait.

    Raises ConflictError when it was sent or cancelled before.
    """
    _change(session, digest_id, CANCEL, by)
    return _reloaded(session, digest_id)


def mark_sent(session: Session, digest_ids: Collection[int], *, by: Actor) -> list[int]:
    """Close those of the digests that are being sent; their numbers. The ledger knows that nothing of them is open."""
    if not digest_ids:
        return []
    where = [Digest.id.in_(digest_ids), Digest.status.in_(MARK_SENT.sources)]
    return _update_all(session, MARK_SENT, by, where, {"sent_at": clock.now()})


def reopen(session: Session, digest_id: int, *, by: Actor) -> Digest:
    """Send a digest again to some of its recipients. Raises ConflictError unless it was sent or is being sent."""
    _change(session, digest_id, REOPEN, by, values={"sent_at": None})
    return _reloaded(session, digest_id)


def _change(
    session: Session,
    digest_id: int,
    transition: Transition,
    by: Actor,
    *,
    version: int | None = None,
    where: Collection[ColumnElement[bool]] = (),
    values: dict[str, Any] | None = None,
) -> None:
    """Make the transition. Raises ConflictError, or NotFoundError, when it is not allowed."""
    if not _update(session, digest_id, transition, by, version=version, where=where, values=values):
        raise _conflict(_reloaded(session, digest_id), transition, version)


def _update(
    session: Session,
    digest_id: int,
    transition: Transition,
    by: Actor,
    *,
    version: int | None = None,
    where: Collection[ColumnElement[bool]] = (),
    values: dict[str, Any] | None = None,
) -> bool:
    conditions = [Digest.id == digest_id, Digest.status.in_(transition.sources), *where]
    if version is not None:
        conditions.append(Digest.version == version)
    return bool(_update_all(session, transition, by, conditions, values or {}))


def _update_all(
    session: Session,
    transition: Transition,
    by: Actor,
    where: Collection[ColumnElement[bool]],
    values: dict[str, Any],
) -> list[int]:
    """The one statement that writes the columns. A reason to be paused goes with the state."""
    changed = session.scalars(
        update(Digest)
        .where(*where)
        .values(
            {"paused_reason": None, "paused_note": None}
            | values
            | {"status": transition.target, "version": Digest.version + 1}
        )
        .returning(Digest.id)
        .execution_options(synchronize_session=False)
    ).all()
    for digest_id in sorted(changed):
        log_after_commit(session, log).info("digest %d is %s (by %s)", digest_id, transition.done, by)
    return sorted(changed)


def _reloaded(session: Session, digest_id: int) -> Digest:
    """The digest as it is in the database now."""
    digest = get_digest(session, digest_id)
    session.refresh(digest)
    return digest


def _conflict(digest: Digest, transition: Transition, version: int | None) -> ConflictError:
    values = {"digest": digest.id, "status": digest.status, "action": transition.done}
    if digest.status in transition.sources:
        return ConflictError(
            "digest.changed",
            "Digest %(digest)s was changed in the meantime and cannot be %(action)s as it was read.",
            **values,
            version=digest.version,
            read_version=version,
        )
    return ConflictError("digest.wrong_status", "Digest %(digest)s is %(status)s and cannot be %(action)s.", **values)


def _not_unscheduled(digest: Digest) -> ConflictError:
    if digest.status not in (DigestStatus.SENDING, DigestStatus.PAUSED):
        return _conflict(digest, UNSCHEDULE, None)
    if digest.provider_schedule:
        return ConflictError(
            "digest.at_provider",
            "SendGrid has the mails of digest %(digest)s: it cannot become a draft again. To pause or cancel it takes"
            " back what SendGrid still allows.",
            digest=digest.id,
        )
    return ConflictError(
        "digest.frozen", "Digest %(digest)s is frozen and cannot become a draft again.", digest=digest.id
    )
