"""Bar charts as numbers for an SVG: templates/web/_chart.html draws them.

Positions across are per cent of the width, without a viewBox, so words keep their size on any screen. Heights are px.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ABOVE, BELOW = 20, 20
"""The px for the value over the highest bar, and for the names under the base."""
BAR_SHARE = 0.56
"""The part of its column that a bar fills."""


class ChartValue(NamedTuple):
    """A bar as a view gives it: its name, its length, and the value as it is written."""

    name: str
    amount: float
    written: str


class Bar(NamedTuple):
    """A bar as it is drawn."""

    name: str
    written: str
    left: float
    """Like `width` and `middle` in per cent of the chart's width."""
    width: float
    middle: float
    top: float
    """Like `height` in px."""
    height: float
    is_last: bool
    """The present month."""
    is_kept: bool
    """Phones show the name of every second bar, and of the last."""

    @property
    def row(self) -> tuple[str, str]:
        """The bar as a row of the chart's table."""
        return self.name, self.written


class BarChart(NamedTuple):
    """A chart as it is drawn."""

    bars: list[Bar]
    height: int
    base: int
    """The px from the top at which the bars stand."""
    limit: float | None
    """The px from the top of the dashed line."""


def bar_chart(values: Sequence[ChartValue], *, height: int = 148, limit: float | None = None) -> BarChart:
    """A chart of `values` (0 or more each), the last of which is the present one, with a dashed line at `limit`."""
    base = height - BELOW
    most = max([value.amount for value in values] + [limit or 0])

    def above(amount: float) -> float:
        return amount / most * (base - ABOVE) if most else 0.0

    column = 100 / len(values) if values else 100.0
    bars = [
        Bar(
            value.name,
            value.written,
            left=round((place + (1 - BAR_SHARE) / 2) * column, 2),
            width=round(BAR_SHARE * column, 2),
            middle=round((place + 0.5) * column, 2),
            top=round(base - above(value.amount), 1),
            height=round(above(value.amount), 1),
            is_last=place == len(values) - 1,
            is_kept=(len(values) - 1 - place) % 2 == 0,
        )
        for place, value in enumerate(values)
    ]
    return BarChart(bars, height, base, None if limit is None else round(base - above(limit), 1))
