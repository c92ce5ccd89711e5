"""Words about digests that several pages of the desk share."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Protocol

from flask import current_app, url_for

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.digests.models import DigestStatus, PausedReason
from newsletter.web.language import page_language

NAMES = {
    Cadence.DAILY: gettext_noop("Daily letter, %(day)s"),
    Cadence.WEEKLY: gettext_noop("Weekly letter, %(day)s"),
    Cadence.MONTHLY: gettext_noop("Monthly letter, %(day)s"),
    Cadence.BREAKING: gettext_noop("Breaking news, %(day)s"),
    Cadence.CORRECTION: gettext_noop("Correction, %(day)s"),
}
STATUS_WORDS = {
    DigestStatus.DRAFT: gettext_noop("draft"),
    DigestStatus.SCHEDULED: gettext_noop("scheduled"),
    DigestStatus.SENDING: gettext_noop("sending"),
    DigestStatus.PAUSED: gettext_noop("paused"),
    DigestStatus.SENT: gettext_noop("sent"),
    DigestStatus.CANCELLED: gettext_noop("cancelled"),
}
PAUSED_WORDS = {
    PausedReason.OVERDUE: gettext_noop("overdue"),
    PausedReason.ERROR: gettext_noop("needs you"),
    PausedReason.RESTORED: gettext_noop("backup restored"),
}
TRANSPORT_NAMES = {
    "sendgrid": "SendGrid",
    "smtp": gettext_noop("the mail server"),
    "maildir": gettext_noop("the mail folder"),
}
TODAY, TOMORROW = gettext_noop("today, %(time)s"), gettext_noop("tomorrow, %(time)s")
IN_DAYS = gettext_noop("in %(days)s d %(hours)s h")
IN_HOURS = gettext_noop("in %(hours)s h %(minutes)s min")
IN_MINUTES = gettext_noop("in %(minutes)s min")
IN_A_MOMENT = gettext_noop("in a moment")


class Named(Protocol):
    """The parts of a digest that its name is made of."""

    @property
    def cadence(self) -> Cadence: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def scheduled_at(self) -> datetime | None: ...


def digest_title(digest: Named) -> str:
    """Like "Weekly letter, 7 May": by the day for which it is scheduled, or else the day on which it was made."""
    return page_language().gettext(NAMES[digest.cadence]) % {"day": short_day(digest.scheduled_at or digest.created_at)}


def when(moment: datetime) -> str:
    """A time in the publication's zone, as short as it can be: "today, 15:20", "tomorrow, 07:00", "6 May, 07:58"."""
    zone = runtime().settings.timezone
    local, today = moment.astimezone(zone), clock.today(zone)
    if local.date() == today:
        return page_language().gettext(TODAY) % {"time": f"{local:%H:%M}"}
    if local.date() - today == timedelta(days=1):
        return page_language().gettext(TOMORROW) % {"time": f"{local:%H:%M}"}
    return f"{short_day(moment)}, {local:%H:%M}"


def short_day(moment: date | datetime) -> str:
    """ "7 May", with its year unless it is this one; of a moment, in the publication's zone."""
    zone, spoken = runtime().settings.timezone, page_language()
    day = moment.astimezone(zone).date() if isinstance(moment, datetime) else moment
    is_this_year = day.year == clock.now().astimezone(zone).year
    return spoken.day_of_year(day) if is_this_year else spoken.day(day)


def time_until(moment: datetime) -> str:
    """ "in 14 h 18 min"; in minutes, so that it changes once a minute."""
    minutes = int((moment - clock.now()).total_seconds() // 60)
    gettext = page_language().gettext
    if minutes < 1:
        return gettext(IN_A_MOMENT)
    if minutes < 60:
        return gettext(IN_MINUTES) % {"minutes": minutes}
    if minutes < 48 * 60:
        return gettext(IN_HOURS) % {"hours": minutes // 60, "minutes": minutes % 60}
    return gettext(IN_DAYS) % {"days": minutes // 1440, "hours": minutes // 60 % 24}


def countdown(moment: datetime) -> list[tuple[int, str]]:
    """The same as numbers with their units, without a unit of which there is nothing left: [(14, "h"), (18, "min")]."""
    minutes = max(int((moment - clock.now()).total_seconds() // 60), 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days >= 2:
        return [(days, "d"), (hours, "h")]
    return [(each, unit) for each, unit in ((minutes // 60, "h"), (minutes % 60, "min")) if each or unit == "min"]


def clock_time(moment: datetime) -> str:
    """ "07:04:12", in the publication's zone."""
    return f"{moment.astimezone(runtime().settings.timezone):%H:%M:%S}"


def transport_name() -> str:
    """The provider, as sentences name it."""
    return page_language().gettext(TRANSPORT_NAMES[runtime().settings.mail_transport])


def digest_path(number: int, status: DigestStatus) -> str:
    """The page of a digest: the composer for a draft, the page of its sending for others."""
    if status is DigestStatus.DRAFT:
        return url_for("desk.compose" if has_page("desk.compose") else "desk.schedule", number=number)
    return url_for("desk.sending", number=number)


def has_page(endpoint: str) -> bool:
    """Whether the desk has such a page."""
    return endpoint in current_app.view_functions


FILTERS = (when, short_day, digest_title, time_until, countdown, clock_time)
"""The filters of these names that the desk's templates use."""
