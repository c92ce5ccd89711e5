"""Times as people type them, where clocks are set forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import click
import pytest

from newsletter.cli.times import ZonedTime, choose_occurrence


def parse(text: str, occurrence: Literal["first", "second"] | None = None) -> datetime:
    return choose_occurrence(ZonedTime().convert(text, None, None), occurrence)


@pytest.mark.parametrize(
    "text",
    [
        "2027-03-28 02:30 Europe/Berlin",
        "2027-03-28 02:00 Europe/Berlin",
        "2027-03-28T02:59:59 Europe/Berlin",
        "2027-03-14 02:30 America/New_York",
        "2026-10-04 02:15 Australia/Lord_Howe",  # half an hour
        "2011-12-30 12:00 Pacific/Apia",  # a whole day
    ],
)
@pytest.mark.parametrize("occurrence", [None, "first", "second"])
def test_a_time_that_does_not_exist_is_refused(text: str, occurrence: Literal["first", "second"] | None) -> None:
    with pytest.raises(click.BadParameter, match="does not exist: clocks are set forward"):
        parse(text, occurrence)


@pytest.mark.parametrize(
    ("text", "first", "apart"),
    [
        ("2026-10-25 02:30 Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), timedelta(hours=1)),
        ("2026-10-25 02:00 Europe/Berlin", datetime(2026, 10, 25, 0, 0, tzinfo=UTC), timedelta(hours=1)),
        ("2027-11-07 01:59 America/New_York", datetime(2027, 11, 7, 5, 59, tzinfo=UTC), timedelta(hours=1)),
        ("2027-04-04 01:45 Australia/Lord_Howe", datetime(2027, 4, 3, 14, 45, tzinfo=UTC), timedelta(minutes=30)),
    ],
)
def test_a_time_that_comes_twice_needs_a_word(text: str, first: datetime, apart: timedelta) -> None:
    with pytest.raises(click.UsageError, match="comes twice"):
        parse(text)
    assert parse(text, "first").astimezone(UTC) == first
    assert parse(text, "second").astimezone(UTC) == first + apart


@pytest.mark.parametrize(
    "text",
    [
        "2027-03-28 01:59 Europe/Berlin",
        "2027-03-28 03:00 Europe/Berlin",
        "2026-10-25 01:59 Europe/Berlin",
        "2026-10-25 03:00 Europe/Berlin",
        "2026-10-25T02:30+01:00",
        "2027-03-28T02:30Z",
        "2027-03-28 02:30 Asia/Tokyo",
    ],
)
def test_a_time_that_comes_once_needs_none(text: str) -> None:
    assert parse(text) == parse(text, "first") == parse(text, "second")


def test_the_sentence_names_both_offsets() -> None:
    with pytest.raises(click.UsageError) as refused:
        parse("2026-10-25 02:30 Europe/Berlin")
    assert "CEST (UTC+02:00) and CET (UTC+01:00)" in refused.value.message
