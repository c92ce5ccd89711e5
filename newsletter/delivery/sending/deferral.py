"""Deferred mail: how long, and how often, a recipient is tried again whose server asked to come back later."""

from __future__ import annotations

import random
from datetime import timedelta

DEFER_FOR = timedelta(hours=72)
"""How long a deferred recipient is tried again before it is refused (RFC 5321 4.5.4.1: 4-5 days; news ages faster)."""
DEFER_PAUSE = (timedelta(minutes=1), timedelta(hours=1))
"""The shortest and the longest pause between two attempts; in between, half of the time since the first deferral."""


def pause_before_retry(deferred_for: timedelta) -> timedelta:
    """The time until the next attempt, with jitter. `deferred_for` is the time since the first deferral."""
    shortest, longest = DEFER_PAUSE
    return min(max(deferred_for / 2, shortest), longest) * random.uniform(0.9, 1.1)  # noqa: S311
