"""Numbers and days as anybody can write them into an address."""

from __future__ import annotations

from datetime import date

import pytest

from newsletter.web.request_values import parse_day, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("999999999", 999_999_999), ("1000000000", None), ("", None), ("-1", None), ("٣", None)],
)
def test_a_number_fits_into_32_bits(text: str, number: int | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        (" 2026-12-31\n", date(2026, 12, 31)),
        *((text, None) for text in ("31.12.", "0001-01-01", "9999-12-31")),
    ],
)
def test_a_day_is_as_html_writes_it(text: str, day: date | None) -> None:
    assert parse_day(text) == day
