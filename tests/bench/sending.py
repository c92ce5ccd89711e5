"""Sending: digests to many readers through the SendGrid stand-in, with the real clock, workers, queue and SQLite.

The baseline in the same run is the way of most programs: one `sendgrid` Mail object for each reader.
"""

from __future__ import annotations

import json
import time

from sendgrid.helpers.mail import Content, Header, Mail, MailSettings, TrackingSettings

from newsletter.digests.rendering import render_digest
from newsletter.mail.transports.sendgrid_request import MOST_RECIPIENTS, Personalization, build_request
from tests.bench import smtp_worker
from tests.bench.campaign import Campaign, Result
from tests.bench.rendering import SETTINGS, ten_articles
from tests.bench.result import Row, at_least, at_most

MOST_CPU = 12
"""Times the CPU that `json.dumps` takes for the same requests."""
LEAST_VARIED = 0.5
"""Of the rate with one edition: an edition is a request of its own, so twice as many are made."""


def measure(readers: int) -> list[Row]:
    """`readers` (100,000) alone, ten times as many, in 2,000 editions, and with a provider far away."""
    baseline, dumping = mail_objects(), json_dumps()
    once = Campaign(readers).run()
    large = Campaign(10 * readers).run()
    varied = Campaign(10 * readers, editions=2000).run()
    return [
        Row("Baseline: one Mail object for each reader", baseline, "recipients/s"),
        Row("Baseline: json.dumps of the requests, for 100,000", dumping * 100_000, "s of CPU"),
        *_main(once, baseline, dumping),
        *_size(large, once),
        Row(f"{varied.readers:,} readers, {varied.editions:,} editions", varied.rate, "recipients/s"),
        at_least("Of the rate with one edition", varied.rate / large.rate, "×", LEAST_VARIED),
        *latency(readers),
    ]


def _main(once: Result, baseline: float, dumping: float) -> list[Row]:
    cpu = once.cpu_workers / once.readers
    return [
        Row(f"{once.readers:,} readers, 2 workers", once.rate, "recipients/s"),
        at_least("Times the rate of Mail objects", once.rate / baseline, "×", 7),
        Row("CPU of workers and database, for 100,000", cpu * 100_000, "s of CPU"),
        at_most("… beside json.dumps", cpu / dumping, "× that", MOST_CPU),
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


def json_dumps(rounds: int = 20) -> float:
    """CPU seconds for a recipient when `json.dumps` writes the very requests, a thousand recipients in each."""
    message = smtp_worker.message()
    people = [
        Personalization(n, n, one.address, one.token) for n, one in enumerate(smtp_worker.readers(MOST_RECIPIENTS))
    ]
    request = json.loads(build_request(message, people))
    began = time.process_time()
    for _ in range(rounds):
        json.dumps(request)
    return (time.process_time() - began) / rounds / len(people)


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
