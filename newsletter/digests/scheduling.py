"""Scheduling: a draft gets its time. No job exists yet; the clock finds what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests import preflight
from newsletter.digests.composing import get
from newsletter.digests.models import Digest, DigestStatus

GRACE = timedelta(minutes=1)
"""A time that passed while it was being typed is not in the past."""


EXACT_FROM = timedelta(minutes=31)
"""The least time ahead that an exact hand-over needs (see `delivery.handover`)."""


def schedule(session: Session, settings: Settings, digest_id: int, at: datetime, *, exact: bool = False) -> Digest:
    """Schedule a draft (or move a scheduled digest) to the aware time `at`; `exact`: hand it over to SendGrid ahead.

    Raises InvalidError when `at` is past or the preflight refuses, ConflictError when the digest is further already.
    """
    digest = get(session, digest_id)
    if exact and settings.mail_transport != "sendgrid":
        raise InvalidError("Only SendGrid keeps mail until its time: leave --exact out, or set MAIL_TRANSPORT.")
    if exact and at < clock.now() + EXACT_FROM:
        raise InvalidError("An exact hand-over needs more than half an hour: give a later time, or leave --exact out.")
    if at < clock.now() - GRACE:
        raise InvalidError(f"{at:%Y-%m-%d %H:%M %Z} is in the past: give a time to come, or use `digests send`.")
    if problems := preflight.check(settings, digest):
        raise InvalidError(f"Digest {digest_id} cannot be sent: {' '.join(problems)}")
    # Conditional: the clock may freeze it at this very moment.
    moved = session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status.in_([DigestStatus.DRAFT, DigestStatus.SCHEDULED]))
        .values(status=DigestStatus.SCHEDULED, scheduled_at=at, exact=exact)
        .returning(Digest.id)
    ).one_or_none()
    if moved is None:
        raise ConflictError(f"Digest {digest_id} is {digest.status}, and cannot be scheduled.")
    session.refresh(digest)
    return digest


def send(session: Session, settings: Settings, digest_id: int) -> Digest:
    """Schedule a digest for this moment: the clock takes it up within seconds."""
    return schedule(session, settings, digest_id, clock.now())
