"""Local times: the moments for which a time on the clocks of a zone stands. There are none where clocks are set forward
over it, two where they are set back, and one for any other time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop

SKIPPED = gettext_noop(
    "%(time)s does not exist in %(zone)s: clocks are set forward then, from %(before)s to %(after)s."
)
REPEATED = gettext_noop("%(time)s comes twice in %(zone)s, since clocks are set back: %(first)s and %(second)s.")


class LocalTimeError(InvalidError):
    """A local time that is no one moment. `possible` are those that may be meant, as aware times, rising."""

    def __init__(self, code: str, message: str, possible: tuple[datetime, datetime], /, **values: object) -> None:
        super().__init__(code, message, **values)
        self.possible = possible


def moments_of(local: datetime) -> tuple[datetime, ...]:
    """The moments, rising, of a `local` time with its zone. Raises OverflowError outside of the years 1 to 9999."""
    first, second = local.replace(fold=0), local.replace(fold=1)
    if not _exists(local):
        return ()
    return (first,) if first.utcoffset() == second.utcoffset() else (first, second)


def only_moment(local: datetime) -> datetime:
    """The one moment of a local time with its zone. Raises LocalTimeError where there is none, or two."""
    found = moments_of(local)
    if len(found) == 1:
        return found[0]
    zone = getattr(local.tzinfo, "key", str(local.tzinfo))
    named = {"time": f"{local:%H:%M}", "day": local.date().isoformat(), "zone": zone}
    if found:
        first, second = found
        raise LocalTimeError(
            "time.repeated", REPEATED, (first, second), **named, first=offset_name(first), second=offset_name(second)
        )
    before, after = local.replace(fold=0), local.replace(fold=1)
    raise LocalTimeError(
        "time.skipped", SKIPPED, _around(local), **named, before=offset_name(before), after=offset_name(after)
    )


def offset_name(moment: datetime) -> str:
    """The zone's name and offset at a moment, like "CET (UTC+01:00)"."""
    return f"{moment:%Z} (UTC{moment.isoformat()[-6:]})"


def zone_of(name: str) -> ZoneInfo | None:
    """A zone by its name; None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _exists(local: datetime) -> bool:
    """Whether clocks in the zone ever show the time: not if they are set forward over it."""
    there_and_back = local.astimezone(UTC).astimezone(local.tzinfo)
    return there_and_back.replace(tzinfo=None) == local.replace(tzinfo=None)


def _around(skipped: datetime) -> tuple[datetime, datetime]:
    """The time as much before and after the change as clocks are set forward: 01:30 and 03:30 for 02:30."""
    both = [skipped.replace(fold=fold).astimezone(UTC).astimezone(skipped.tzinfo) for fold in (0, 1)]
    return min(both), max(both)
