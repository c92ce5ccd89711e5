"""Pausing: no letter until a day, and then by itself again."""

from __future__ import annotations

from datetime import date, timedelta

from newsletter.core.errors import InvalidError
from newsletter.subscribers.models import Subscriber

LONGEST = timedelta(days=366)


def pause_letters(reader: Subscriber, until: date, *, today: date) -> None:
    """No letter before `until`; both days are the publication's. Raises InvalidError for a day past or far away."""
    if until <= today:
        raise InvalidError("Choose a day after today.")
    if until > today + LONGEST:
        raise InvalidError("A pause lasts a year at most. To stop the letter for good, leave it.")
    reader.paused_until = until


def resume_letters(reader: Subscriber) -> None:
    """Letters come again from the next one on."""
    reader.paused_until = None
