"""The hour at which a reader wants digests, in the reader's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST_WAIT = timedelta(hours=24)
"""The longest time between a digest and a reader's hour."""


def next_occurrence(begins: datetime, hour: int | None, zone: str | None) -> datetime | None:
    """The next such hour in `zone` after `begins`, the digest's time.

    None is at once: the reader chose no hour, or it has begun. On days with 25 hours the wait ends after 24; an hour
    that a day leaves out begins when the clocks have gone forward.
    """
    if hour is None or zone is None:
        return None
    local = begins.astimezone(ZoneInfo(zone))
    if local.hour == hour:
        return None
    wanted = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if hour < local.hour:
        wanted += timedelta(days=1)  # of the calendar: arithmetic within one zone is that of its clocks
    return min(wanted.astimezone(UTC), begins.astimezone(UTC) + LONGEST_WAIT)
