"""Pausing: no letter before a certain day. Letters go on by themselves from then."""

from __future__ import annotations

from datetime import date, timedelta

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.subscribers.models import Subscriber

LONGEST = timedelta(days=366)

IN_THE_PAST = gettext_noop("Choose a day after today.")
TOO_LONG = gettext_noop("A pause lasts a year at most. To end the letter for good, unsubscribe.")


def pause_subscription(reader: Subscriber, until: date, *, today: date) -> None:
    """Send no letter before `until`. Both days are in the publication's zone.

    Raises InvalidError for a day that is past, or more than a year away.
    """
    if until <= today:
        raise InvalidError("pause.in_the_past", IN_THE_PAST)
    if until > today + LONGEST:
        raise InvalidError("pause.too_long", TOO_LONG)
    reader.paused_until = until


def resume_subscription(reader: Subscriber) -> None:
    """Send letters again, from the next one on."""
    reader.paused_until = None
