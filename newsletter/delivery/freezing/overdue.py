"""Overdue digests: those whose time passed while nothing ran. They are paused, since nobody expects them now."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import CLOCK
from newsletter.digests import lifecycle
from newsletter.digests.models import DigestStatus, PausedReason

OVERDUE = "Its time passed while nothing was running: resume it to send it now, or cancel it."


def pause_overdue(session: Session, after: timedelta) -> list[int]:
    """Pause the digests whose time passed longer ago than `after`, and give their numbers."""
    return lifecycle.pause_open(
        session,
        (DigestStatus.SCHEDULED,),
        PausedReason.OVERDUE,
        OVERDUE,
        by=CLOCK,
        scheduled_before=clock.now() - after,
    )
