"""In the open: the last letter checked, and the figures of each month, from the records that send."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import timedelta
from io import StringIO

from flask import Response, abort, render_template

from newsletter.core import clock, public_paths
from newsletter.core.runtime import runtime
from newsletter.mail.campaign_parameters import KINDS
from newsletter.public_record.last_digest import last_digest
from newsletter.public_record.months import MONTHS_SHOWN, ROUNDED_TO, MonthOfRecord, months_of_record
from newsletter.web.charts import BarChart, ChartValue, bar_chart
from newsletter.web.language import page_language
from newsletter.web.page_cache import cache_until, cached_page
from newsletter.web.public.blueprint import pages

CHECKED_EVERY = timedelta(minutes=5)
"""A digest that was given to a provider ahead of its time becomes the last one at that time, without a change."""
MOST_COMPLAINTS = 1.0
"""For each thousand accepted mails: Gmail and Yahoo ask for less (support.google.com/mail/answer/81126)."""

CSV_HEAD = (
    *("month", "letters", "readers_rounded", "accepted", "bounced", "complained", "unsubscribed", "corrections"),
    *("median_minutes_to_correction", "measured_from_report", "measured_from_publication"),
    *("support", "support_currency", "support_other_currencies", "costs"),
)


@pages.get(public_paths.OPEN)
@cached_page
def in_the_open() -> str:
    """The checks of the last letter, its raw message, and the months."""
    cache_until(clock.now() + CHECKED_EVERY)
    settings = runtime().settings
    with runtime().db.reading() as session:
        months = months_of_record(session, settings.timezone, MONTHS_SHOWN)
        return render_template(
            "open.html",
            last=last_digest(session, settings),
            months=months,
            least_readers=ROUNDED_TO // 2,
            chart=_chart(months),
            campaign_kinds=KINDS,
        )


@pages.get(public_paths.OPEN_MESSAGE)
@cached_page
def last_message() -> Response:
    """The file whose SHA-256 the page shows."""
    cache_until(clock.now() + CHECKED_EVERY)
    with runtime().db.reading() as session:
        last = last_digest(session, runtime().settings) or abort(404)
    response = Response(last.raw, content_type="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="letter-{last.tally.day}.eml"'
    return response


@pages.get(public_paths.OPEN_FIGURES)
@cached_page
def figures() -> Response:
    """The months as CSV: UTF-8, one row each, the newest first."""
    with runtime().db.reading() as session:
        months = months_of_record(session, runtime().settings.timezone)
    file = StringIO()
    table = csv.writer(file)
    table.writerow(CSV_HEAD)
    table.writerows(_row(month) for month in months)
    response = Response(file.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="figures.csv"'
    return response


def _row(month: MonthOfRecord) -> Sequence[object]:
    time = month.median_time
    return (
        month.month.strftime("%Y-%m"),
        month.digests,
        "" if month.readers is None else month.readers,
        month.accepted,
        month.bounced,
        month.complained,
        month.unsubscribed,
        month.corrections.count,
        "" if time is None else round(time.total_seconds() / 60),
        len(month.corrections.from_report),
        len(month.corrections.from_publication),
        month.support.received.amount,
        month.support.received.currency,
        "; ".join(each.text for each in month.support.others),
        "; ".join(each.text for each in month.costs),
    )


def _chart(months: Sequence[MonthOfRecord]) -> BarChart | None:
    """Complaints for each thousand accepted mails; None while there is nothing to compare."""
    shown = [month for month in months if month.accepted][::-1]
    if len(shown) < 2:
        return None
    language = page_language()
    values = [
        ChartValue(
            language.short_month(each.month),
            each.complaints_per_thousand,
            language.decimal(each.complaints_per_thousand, 2),
        )
        for each in shown
    ]
    return bar_chart(values, height=108, limit=MOST_COMPLAINTS)
