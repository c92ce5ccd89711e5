"""The time of a digest as it is entered: a day, a time and a zone, or one of the moments that the page offered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from newsletter.core import clock
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.local_times import LocalTimeError, only_moment, zone_of
from newsletter.core.runtime import runtime
from newsletter.digests.scheduling import GRACE
from newsletter.web.desk.digest_words import time_until
from newsletter.web.language import page_language

NO_TIME = gettext_noop("Give a day and a time.")
NO_ZONE = gettext_noop("There is no time zone of this name.")
OVER = gettext_noop("%(time)s on %(day)s has passed.")
TOMORROW_AT = 7
"""The hour that an empty form proposes, on the next day."""


class ScheduleForm(NamedTuple):
    """The fields as they were entered."""

    day: str
    time: str
    zone: str
    own_zone: str
    """The zone of the person's browser, which a script fills in; may be empty."""
    moment: str
    """A moment that the page offered, in ISO 8601: it stands for day, time and zone."""
    provider_schedule: bool


class ZoneTime(NamedTuple):
    """A moment in one zone, as the page shows it."""

    label: str
    time: str
    day: str


class Offer(NamedTuple):
    """A moment that may be meant, on a button."""

    words: str
    value: str


class Checked(NamedTuple):
    """The moment that a form names; or why it names none, with moments that may be meant."""

    moment: datetime | None
    error: NewsletterError | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the time has passed: sending now may be meant."""
        return self.error is not None and self.error.code == "digest.time_over"


def read_form(values: Mapping[str, str]) -> ScheduleForm:
    """The form that was posted, or stands in the address."""
    zone = values.get("zone") or runtime().settings.timezone.key
    return ScheduleForm(
        values.get("day", ""),
        values.get("time", ""),
        zone,
        values.get("own_zone", ""),
        values.get("moment", ""),
        values.get("provider_schedule") == "yes",
    )


def form_of(scheduled_at: datetime | None, *, provider_schedule: bool) -> ScheduleForm:
    """The form of a digest: its time, or tomorrow morning."""
    zone = runtime().settings.timezone
    if scheduled_at is None:
        tomorrow = clock.now().astimezone(zone) + timedelta(days=1)
        scheduled_at = tomorrow.replace(hour=TOMORROW_AT, minute=0)
    local = scheduled_at.astimezone(zone)
    return ScheduleForm(f"{local:%Y-%m-%d}", f"{local:%H:%M}", zone.key, "", "", provider_schedule)


def checked_form(form: ScheduleForm) -> Checked:
    """The moment that is meant; nothing is saved by it."""
    zone = zone_of(form.zone)
    if zone is None:
        return Checked(None, InvalidError("digest.no_zone", NO_ZONE))
    try:
        moment = _offered(form) or only_moment(_local(form, zone))
    except LocalTimeError as error:
        return Checked(None, error, tuple(_offer(each) for each in error.possible))
    except (ValueError, OverflowError):
        return Checked(None, InvalidError("digest.no_time", NO_TIME))
    if moment < clock.now() - GRACE:
        local, day = moment.astimezone(zone), page_language().day(moment.astimezone(zone).date())
        return Checked(moment, InvalidError("digest.time_over", OVER, time=f"{local:%H:%M}", day=day))
    return Checked(moment)


def in_zones(moment: datetime, form: ScheduleForm) -> list[ZoneTime]:
    """A moment in the publication's zone, the person's, the one that was chosen, and UTC; each zone once."""
    names = {runtime().settings.timezone.key: gettext_noop("Publication, %(zone)s")}
    for name, label in ((form.own_zone, gettext_noop("You, %(zone)s")), (form.zone, "%(zone)s")):
        if name and zone_of(name) is not None:
            names.setdefault(name, label)
    names.setdefault("UTC", "%(zone)s")
    spoken = page_language()
    found = []
    for name, label in names.items():
        local = moment.astimezone(ZoneInfo(name))
        day = f"{spoken.day_with_weekday(local.date())}, {_offset(local)}"
        if name == "UTC":
            day = f"{spoken.day_with_weekday(local.date())}, {time_until(moment)}"
        found.append(ZoneTime(spoken.gettext(label) % {"zone": name}, f"{local:%H:%M}", day))
    return found


def _offered(form: ScheduleForm) -> datetime | None:
    if not form.moment:
        return None
    moment = datetime.fromisoformat(form.moment)
    if moment.tzinfo is None:
        raise ValueError(form.moment)
    return moment.astimezone(UTC)


def _local(form: ScheduleForm, zone: ZoneInfo) -> datetime:
    return datetime.strptime(f"{form.day} {form.time[:5]}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)


def _offer(moment: datetime) -> Offer:
    at = moment.astimezone(UTC)
    return Offer(f"{moment:%H:%M %Z} ({at:%H:%M} UTC)", at.isoformat(timespec="minutes"))


def _offset(local: datetime) -> str:
    """ "UTC+2", "UTC−3:30"."""
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    sign, minutes = "−" if minutes < 0 else "+", abs(minutes)
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")
