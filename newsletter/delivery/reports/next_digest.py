"""The time of a reader's next digest, as far as it is known."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.delivery.freezing import hours
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.digests.models import Digest, DigestStatus
from newsletter.subscribers.preferences import Preferences


def next_digest_at(
    session: Session, settings: Settings, preferences: Preferences, paused_until: date | None = None
) -> datetime | None:
    """The time, in UTC, of the first scheduled digest that holds something for a reader with these preferences.

    None when no such digest is scheduled. A digest that is frozen already follows the preferences of that moment, and
    does not count.
    """
    scheduled = session.scalars(
        select(Digest)
        .where(Digest.status == DigestStatus.SCHEDULED, Digest.cadence == preferences.cadence)
        .order_by(Digest.scheduled_at)
    )
    for digest in scheduled:
        at = digest.scheduled_at
        if at is None or (paused_until and at.astimezone(settings.timezone).date() < paused_until):
            continue
        if mask_of(
            digest.revisions, preferences.sections, preferences.min_trust, preferences.max_hype, settings.hype_labels
        ):
            return hours.next_occurrence(at, preferences.hour, preferences.zone) or at
    return None
