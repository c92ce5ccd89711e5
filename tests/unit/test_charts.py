"""Bar charts: where bars, names and the dashed line stand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.charts import ABOVE, BELOW, ChartValue, bar_chart


def values(*amounts: float) -> list[ChartValue]:
    return [ChartValue(f"month {number}", amount, f"€{amount:g}") for number, amount in enumerate(amounts)]


def test_the_highest_bar_fills_the_height_and_the_others_go_with_it() -> None:
    chart = bar_chart(values(100, 50, 0), height=148)
    assert [bar.height for bar in chart.bars] == [108.0, 54.0, 0.0]
    assert [bar.top + bar.height for bar in chart.bars] == [chart.base] * 3
    assert chart.base == 128
    assert chart.bars[0].top == ABOVE
    assert chart.limit is None
    assert chart.bars[1].row == ("month 1", "€50")


@pytest.mark.parametrize(("limit", "top"), [(200, 20.0), (50, 74.0), (0, 128.0)])
def test_a_limit_counts_for_the_height(limit: float, top: float) -> None:
    assert bar_chart(values(100), limit=limit).limit == top


def test_phones_keep_the_last_name_and_every_second_one_before() -> None:
    assert [bar.is_kept for bar in bar_chart(values(1, 2, 3, 4)).bars] == [False, True, False, True]
    assert [bar.is_last for bar in bar_chart(values(1, 2)).bars] == [False, True]


def test_a_chart_without_values_or_with_nothing_but_zeros_is_flat() -> None:
    assert bar_chart([]).bars == []
    assert [bar.height for bar in bar_chart(values(0, 0)).bars] == [0.0, 0.0]


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=40), st.none() | st.floats(0, 1e12))
def test_nothing_leaves_the_chart_and_no_bar_touches_the_next(amounts: list[float], limit: float | None) -> None:
    chart = bar_chart(values(*amounts), height=120, limit=limit)
    for bar in chart.bars:
        assert bar.left >= 0
        assert bar.left + bar.width <= 100
        assert ABOVE - 0.1 <= bar.top <= 120 - BELOW
    assert all(one.left + one.width < other.left for one, other in pairwise(chart.bars))
    assert chart.limit is None or ABOVE - 0.1 <= chart.limit <= chart.base
