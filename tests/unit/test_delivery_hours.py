"""The hour that a reader chose: never early, never more than a day late, and right when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.freezing.hours import LONGEST_WAIT, next_occurrence
from newsletter.web.forms.time_zones import offered

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("begins", "hour", "zone", "due"),
    [
        ("2026-05-04 05:30", 9, "Europe/Berlin", "2026-05-04 07:00"),
        ("2026-05-04 05:30", 7, "Europe/Berlin", None),  # 07:30 there: the hour has begun
        ("2026-05-04 05:30", 6, "Europe/Berlin", "2026-05-05 04:00"),
        ("2026-05-04 23:30", 8, "Asia/Kolkata", "2026-05-05 02:30"),  # a zone that is half an hour off
        ("2026-03-28 22:30", 2, "Europe/Berlin", "2026-03-29 01:00"),  # left out that night: 03:00 summer time
        ("2026-03-28 12:00", 12, "Europe/Berlin", "2026-03-29 10:00"),  # 13:00 there; the day has 23 hours
        ("2026-10-24 22:30", 2, "Europe/Berlin", "2026-10-25 00:00"),  # the first of two such hours
        ("2026-10-24 10:30", 12, "Europe/Berlin", None),
        ("2026-10-24 11:00", 12, "Europe/Berlin", "2026-10-25 11:00"),  # 24 h later exactly, though winter time
        ("2026-10-24 22:05", 23, "Europe/Berlin", "2026-10-25 22:00"),
        ("2026-10-24 21:30", 22, "Europe/Berlin", "2026-10-25 21:00"),
        ("2026-10-24 21:05", 22, "Antarctica/Troll", "2026-10-25 21:05"),  # a day of 26 hours: not more than 24 of them
        ("2026-12-30 22:30", 8, "Pacific/Apia", "2026-12-31 19:00"),
    ],
)
def test_the_next_occurrence_of_an_hour(begins: str, hour: int, zone: str, due: str | None) -> None:
    assert next_occurrence(at(begins), hour, zone) == (at(due) if due else None)


def test_without_an_hour_there_is_no_wait() -> None:
    assert next_occurrence(at("2026-05-04 05:30"), None, None) is None


MINUTES = st.integers(0, 60 * 24 * 366 * 3).map(lambda n: at("2025-01-01 00:00") + timedelta(minutes=n))


@given(MINUTES, st.integers(0, 23), st.sampled_from(sorted(offered())))
def test_due_within_a_day_and_at_that_hour(begins: datetime, hour: int, zone: str) -> None:
    due = next_occurrence(begins, hour, zone)
    where = ZoneInfo(zone)
    if due is None:
        assert begins.astimezone(where).hour == hour
        return
    assert begins < due <= begins + LONGEST_WAIT
    local = due.astimezone(where)
    changes = {(begins + timedelta(hours=n)).astimezone(where).utcoffset() for n in range(26)}
    if len(changes) == 1:
        assert (local.hour, local.minute) == (hour, 0)
    else:  # the clocks change in between: at that hour, or, where the day leaves it out, by so much later
        assert (local.hour - hour) % 24 <= 2 or due == begins + LONGEST_WAIT
