"""Sending: digests to many readers through the SendGrid stand-in, with the real clock, workers, queue and SQLite.

The baseline in the same run is the way of most programs: one `sendgrid` Mail object for each reader.
"""

from __future__ import annotations

import json
import time

from sendgrid.helpers.mail import Content, Header, Mail, MailSettings, TrackingSettings

from newsletter.digests.rendering import render_digest
from tests.bench.campaign import Campaign, Result
from tests.bench.rendering import SETTINGS, ten_articles
from tests.bench.result import Row, at_least, at_most

RATE = 40_000
"""Recipients a second that two workers reach, on two cores that the stand-in shares."""


def measure(readers: int) -> list[Row]:
    """`readers` (100,000) alone, ten times as many, in 2,000 editions, and with a provider far away."""
    baseline = mail_objects()
    once = Campaign(readers).run()
    large = Campaign(10 * readers).run()
    varied = Campaign(10 * readers, editions=2000).run()
    return [
        Row("Baseline: one Mail object for each reader", baseline, "recipients/s"),
        *_main(once, baseline, readers),
        *_size(large, once),
        # An edition is a request of its own, so twice as many are made, each for half as many readers.
        at_least(f"{varied.readers:,} readers, {varied.editions:,} editions", varied.rate, "recipients/s", RATE),
        Row("Of the rate with one edition", varied.rate / large.rate, "×"),
        *latency(readers),
    ]


def _main(once: Result, baseline: float, readers: int) -> list[Row]:
    per_100k = 100_000 / readers
    return [
        at_least(f"{readers:,} readers, 2 workers", once.rate, "recipients/s", RATE),
        at_least("Times the baseline", once.rate / baseline, "×", 7),
        at_most("CPU of workers and database, for 100,000", once.cpu_workers * per_100k, "s", 3),
        Row("CPU of clock and queue, freezing included", once.cpu_clock, "s"),
        Row("CPU of the stand-in", once.cpu_standin, "s"),
    ]


def _size(large: Result, once: Result) -> list[Row]:
    millions = large.readers / 1e6
    return [
        at_least(f"{large.readers:,} readers, of that rate", large.rate / once.rate, "×", 0.9),
        at_most("Memory of a worker, at its peak", max(large.memory, once.memory), "MB", 150),
        at_most("Growth of the database, for a million", large.growth / millions, "MB", 12),
    ]


def latency(readers: int) -> list[Row]:
    """With 200 ms for each answer, three times the workers send about three times as fast: the CPU is not the limit."""
    two = Campaign(readers // 5, workers=2, latency=0.2).run()
    six = Campaign(readers // 2, workers=6, latency=0.2).run()
    return [
        Row("200 ms of latency: 2 workers", two.rate, "recipients/s"),
        Row("200 ms of latency: 6 workers", six.rate, "recipients/s"),
        at_least("Six workers are so many times faster", six.rate / two.rate, "×", 2.3),
    ]


def mail_objects(count: int = 1500) -> float:
    """Recipients a second when each gets a Mail object of the `sendgrid` package, turned into JSON; nothing is sent."""
    rendered = render_digest(ten_articles(), SETTINGS)
    html, text = rendered.edition(rendered.full_mask)
    began = time.perf_counter()
    for number in range(count):
        mail = Mail(from_email="letters@dispatch.example", to_emails=f"r{number}@readers.example", subject="News")
        mail.add_content(Content("text/plain", text))
        mail.add_content(Content("text/html", html))
        mail.add_header(Header("List-Unsubscribe", f"<https://letters.dispatch.example/unsubscribe/{number}>"))
        mail.tracking_settings = TrackingSettings()
        mail.mail_settings = MailSettings()
        json.dumps(mail.get())
    return count / (time.perf_counter() - began)
