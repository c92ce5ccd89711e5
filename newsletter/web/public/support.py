"""Support: what came in this month, what it pays for, and supporters in their own words."""

from __future__ import annotations

from flask import render_template

from newsletter.core import clock, public_paths
from newsletter.core.runtime import runtime
from newsletter.support import received, voices
from newsletter.support.months import months_before, present_month
from newsletter.support.received import SupportOverview
from newsletter.web.charts import BarChart, ChartValue, bar_chart
from newsletter.web.language import page_language
from newsletter.web.page_cache import cached_page
from newsletter.web.public.blueprint import pages


@pages.get(public_paths.SUPPORT)
@cached_page
def support() -> str:
    """This month against the goal, the costs, twelve months, and public words. Nothing of Ko-fi is loaded."""
    zone = runtime().settings.timezone
    with runtime().db.reading() as session:
        overview = received.support_overview(session, present_month(zone))
        return render_template(
            "support.html",
            overview=overview,
            month=overview.present,
            today=page_language().day_of_year(clock.today(zone)),
            chart=_chart(overview),
            last_month=months_before(overview.present.month, 1),
            voices=voices.public_words(session),
            currency_name=page_language().currency_name(overview.present.received.currency),
        )


def _chart(overview: SupportOverview) -> BarChart | None:
    """The months in the present one's currency; None while nothing came in."""
    currency = overview.present.received.currency
    amounts = [
        (each.month, each.received.amount if each.received.currency == currency else received.NOTHING)
        for each in overview.months
    ]
    if not any(amount for _, amount in amounts):
        return None
    language = page_language()
    values = [
        ChartValue(language.short_month(month), float(amount), language.number(round(amount)))
        for month, amount in amounts
    ]
    return bar_chart(values, limit=float(overview.present.goal.amount) if overview.present.goal else None)
