"""Scheduling: a draft gets its time. No job exists until then; the clock finds what is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.config import Settings
from newsletter.core.errors import InvalidError
from newsletter.digests import lifecycle, preflight
from newsletter.digests.findings import Finding, blocking, describe, notes
from newsletter.digests.links.wanting import want_digest_links
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest

GRACE = timedelta(minutes=1)
"""A time that passed while an editor typed it is not in the past."""

PROVIDER_SCHEDULE_LEAD = timedelta(minutes=31)
"""The least time ahead that a provider schedule needs (see `delivery.sending.scheduled_sends`)."""

LINKS_AHEAD = timedelta(minutes=5)
"""The least time ahead for which the links are probed: before a digest that goes out now, workers have other work."""


class Scheduled(NamedTuple):
    """A digest that has its time, and what its editor should know of it."""

    digest: Digest
    notes: Sequence[Finding]


def schedule_digest(
    session: Session, settings: Settings, digest_id: int, at: datetime, *, provider_schedule: bool = False, by: Actor
) -> Scheduled:
    """Schedule a draft, or move a scheduled digest, to the aware time `at`.

    With `provider_schedule` SendGrid gets the mails ahead and keeps them until then. Raises InvalidError when `at` is
    past or the preflight finds something that blocks, ConflictError when the digest is neither draft nor scheduled, or
    was changed since this transaction read it: what is scheduled is what the preflight looked at. The links of
    one that waits are probed again by a job.
    """
    digest = get_digest(session, digest_id)
    lifecycle.require(digest, lifecycle.SCHEDULE)
    _check_time(settings, at, provider_schedule=provider_schedule)
    version = digest.version
    findings = preflight.check_digest(session, settings, digest)
    if problems := blocking(findings):
        raise InvalidError(
            "digest.preflight",
            "Digest %(digest)s cannot be sent: %(problems)s",
            digest=digest_id,
            problems=describe(problems),
            findings=problems,
        )
    digest = lifecycle.schedule(session, digest_id, version, at, provider_schedule=provider_schedule, by=by)
    if at > clock.now() + LINKS_AHEAD:
        want_digest_links(session, settings, digest)
    return Scheduled(digest, notes(findings))


def send_now(session: Session, settings: Settings, digest_id: int, *, by: Actor) -> Scheduled:
    """Schedule a digest for this moment: the clock freezes it within seconds."""
    return schedule_digest(session, settings, digest_id, clock.now(), by=by)


def _check_time(settings: Settings, at: datetime, *, provider_schedule: bool) -> None:
    if provider_schedule and settings.mail_transport != "sendgrid":
        raise InvalidError(
            "digest.provider_schedule_unsupported",
            "Only SendGrid keeps mails until their time, and this installation sends by %(transport)s.",
            transport=settings.mail_transport,
        )
    if provider_schedule and at < clock.now() + PROVIDER_SCHEDULE_LEAD:
        raise InvalidError("digest.provider_schedule_late", "A provider schedule needs more than half an hour.")
    if at < clock.now() - GRACE:
        raise InvalidError("digest.time_past", "%(time)s is in the past.", time=f"{at:%Y-%m-%d %H:%M %Z}")
