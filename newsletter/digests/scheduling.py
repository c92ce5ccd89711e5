"""Scheduling: a draft gets its time. No job exists yet; the clock finds what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests import preflight
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest

GRACE = timedelta(minutes=1)
"""A time that passed while it was being typed is not in the past."""


PROVIDER_SCHEDULE_FROM = timedelta(minutes=31)
"""The least time ahead that an provider schedule needs (see `delivery.sending.scheduled_sends`)."""


def schedule_digest(
    session: Session, settings: Settings, digest_id: int, at: datetime, *, provider_schedule: bool = False
) -> Digest:
    """Schedule a draft (or move a scheduled digest) to the aware time `at`; `provider_schedule`: hand it over to SendGrid ahead.

    Raises InvalidError when `at` is past or the preflight refuses, ConflictError when the digest is further already.
    """
    digest = get_digest(session, digest_id)
    if provider_schedule and settings.mail_transport != "sendgrid":
        raise InvalidError(
            "Only SendGrid keeps mail until its time: leave --provider-schedule out, or set MAIL_TRANSPORT."
        )
    if provider_schedule and at < clock.now() + PROVIDER_SCHEDULE_FROM:
        raise InvalidError(
            "An provider schedule needs more than half an hour: give a later time, or leave --provider-schedule out."
        )
    if at < clock.now() - GRACE:
        raise InvalidError(f"{at:%Y-%m-%d %H:%M %Z} is in the past: give a time to come, or use `digests send`.")
    if problems := preflight.preflight(settings, digest):
        raise InvalidError(f"Digest {digest_id} cannot be sent: {' '.join(problems)}")
    # Conditional: the clock may freeze it at this very moment.
    moved = session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status.in_([DigestStatus.DRAFT, DigestStatus.SCHEDULED]))
        .values(status=DigestStatus.SCHEDULED, scheduled_at=at, provider_schedule=provider_schedule)
        .returning(Digest.id)
    ).one_or_none()
    if moved is None:
        raise ConflictError(f"Digest {digest_id} is {digest.status}, and cannot be scheduled.")
    session.refresh(digest)
    return digest


def send_now(session: Session, settings: Settings, digest_id: int) -> Digest:
    """Schedule a digest for this moment: the clock takes it up within seconds."""
    return schedule_digest(session, settings, digest_id, clock.now())
