"""Sending: a digest to many readers through the SendGrid stand-in, with the real clock, workers, queue and SQLite.

The baseline in the same run is what most programs do: one `sendgrid` Mail object for each reader.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from sendgrid.helpers.mail import Content, Header, Mail, MailSettings, TrackingSettings

from newsletter import migrations
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime_folder import socket_path
from newsletter.delivery.status import DigestState, status
from newsletter.digests import scheduling
from newsletter.embedded import world
from tests.bench.rendering import SETTINGS, ten_articles
from tests.bench.result import Row, at_least, at_most
from tests.factories import add_digest, add_readers
from tests.services.house import House

TIMES_THE_BASELINE = 7
WORKERS = 2


def measure(readers: int) -> list[Row]:
    """Rate, CPU seconds and memory for `readers`."""
    baseline = mail_objects()
    folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
    try:
        with standin() as (url, counts):
            run = _send(folder, url, readers)
            taken = counts()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if (taken["addresses"], taken["twice"], run["accepted"]) != (readers, 0, readers):
        raise RuntimeError(f"not everyone got exactly one mail: {taken}")
    rate = readers / run["seconds"]
    return [
        Row("Baseline: one Mail object for each reader", baseline, "recipients/s"),
        Row(f"SendGrid stand-in, {readers:,} readers, {WORKERS} workers", rate, "recipients/s"),
        at_least("Times the baseline", rate / baseline, "×", TIMES_THE_BASELINE),
        Row("Freezing", run["freezing"], "s"),
        Row("CPU of workers", run["cpu_workers"], "s"),
        Row("CPU of clock and queue (freezing included)", run["cpu_clock"], "s"),
        Row("CPU of the stand-in", taken["cpu_seconds"], "s"),
        at_most("Memory of a worker, at its peak", run["memory"], "MB", 150),
    ]


def mail_objects(count: int = 1500) -> float:
    """Recipients a second when each gets a Mail object of the `sendgrid` package, turned into JSON; nothing is sent."""
    letter_html, letter_text = _letter()
    began = time.perf_counter()
    for number in range(count):
        mail = Mail(from_email="letters@dispatch.example", to_emails=f"r{number}@readers.example", subject="News")
        mail.add_content(Content("text/plain", letter_text))
        mail.add_content(Content("text/html", letter_html))
        mail.add_header(Header("List-Unsubscribe", f"<https://letters.dispatch.example/unsubscribe/{number}>"))
        mail.tracking_settings = TrackingSettings()
        mail.mail_settings = MailSettings()
        json.dumps(mail.get())
    return count / (time.perf_counter() - began)


def _letter() -> tuple[str, str]:
    from newsletter.digests.letter import render

    letter = render(ten_articles(), SETTINGS)
    return letter.edition(letter.full_mask)


@contextmanager
def standin() -> Iterator[tuple[str, Any]]:
    """A stand-in for SendGrid that answers at once, as a process of its own: its address, and what it counted."""
    command = [sys.executable, "-m", "tests.services.sendgrid_standin", "--fast", "--key", "SG.bench"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()

    def counts() -> dict[str, Any]:
        with urllib.request.urlopen(f"{url}/counts") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    try:
        yield url, counts
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _send(folder: Path, url: str, readers: int) -> dict[str, float]:
    settings = replace(
        SETTINGS,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'newsletter.sqlite3'}",
        redis_url=f"unix://{socket_path(folder)}",
        redis_is_embedded=True,
        secret_key="a secret key for the benchmark",
        suppression_key="a suppression key for it",
        mail_transport="sendgrid",
        sendgrid_api_key="SG.bench",
        sendgrid_host=url,
    )
    db = Database(settings.database_url)
    migrations.upgrade(db)
    world.fill(db, settings, 1)
    add_readers(db, readers - 1)
    digest_id = add_digest(db)
    with House(settings, workers=WORKERS) as house:
        house.until(lambda: _workers(settings) == WORKERS, "the workers' start")
        before = _cpu(house)
        peak = _Peak(house)
        scheduled = time.perf_counter()
        with db.transaction() as session:
            scheduling.send(session, settings, digest_id)
        house.until(lambda: _state(db, digest_id).status != "scheduled", "the freezing")
        began = time.perf_counter()
        house.until(lambda: peak.look() or _state(db, digest_id).status == "sent", "the sending")
        ended = time.perf_counter()
        after = _cpu(house)
        accepted = _state(db, digest_id).accepted
    db.dispose()
    return {
        "seconds": ended - began,
        "freezing": began - scheduled,
        "accepted": accepted,
        "memory": peak.bytes / 1e6,
        "cpu_workers": after["worker"] - before["worker"],
        "cpu_clock": after["clock"] - before["clock"],
    }


def _state(db: Database, digest_id: int) -> DigestState:
    with db.reading() as session:
        return status(session, digest_id)


def _workers(settings: Settings) -> int:
    from redis.exceptions import RedisError

    from newsletter.core.queue import Queues

    try:
        return Queues(settings.redis_url).workers()
    except RedisError:
        return 0


def _cpu(house: House) -> dict[str, float]:
    """CPU seconds so far of each kind of process, its ended children included."""
    spent = {"worker": 0.0, "clock": 0.0}
    for child in house.supervisor.children:
        process = psutil.Process(child.process.pid)
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            spent[child.name.partition("-")[0]] += times.user + times.system
            spent[child.name.partition("-")[0]] += times.children_user + times.children_system
    return spent


class _Peak:
    """The largest resident memory of a worker's process that was seen."""

    def __init__(self, house: House) -> None:
        self._workers = [psutil.Process(c.process.pid) for c in house.supervisor.children if c.name != "clock"]
        self.bytes = 0

    def look(self) -> bool:
        for worker in self._workers:
            for process in (worker, *worker.children()):
                try:
                    self.bytes = max(self.bytes, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
        return False
