"""Transactional mails that were not accepted: when each is tried again, and when it is given up."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from newsletter.core import clock

GIVE_UP_AFTER = timedelta(days=3)
"""A mail that could not be sent within this time is dropped and logged: its link would be of no use."""
LONGEST_PAUSE = timedelta(hours=1)


def is_too_old(created_at: datetime) -> bool:
    """Whether a mail that was added at this time is given up."""
    return clock.now() - created_at > GIVE_UP_AFTER


def next_attempt_at(attempt: int, retry_after: float | None) -> datetime:
    """The time of the next attempt: the pause before it doubles from 10 s and has jitter.

    `attempt` is the number of the last one (1 or more), `retry_after` the seconds that the
    provider asked for: the pause is never shorter.
    """
    seconds = min(10.0 * 2 ** min(attempt - 1, 10), LONGEST_PAUSE.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    return clock.now() + timedelta(seconds=max(seconds, retry_after or 0.0))
