"""One digest, sent by the real processes to a stand-in of its own, and its cost."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from redis.exceptions import RedisError

from newsletter import migrations
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.core.queue import Queues
from newsletter.core.queue_socket import socket_path
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.digests import scheduling
from newsletter.subscribers.files import imported_readers
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import Preferences
from tests.bench.cpu import cpu_of
from tests.bench.rendering import SETTINGS
from tests.factories import add_article, add_digest
from tests.services.processes import RunningService

KEY = "SG.bench"
SECTIONS = [f"Section {number}" for number in range(12)]


@dataclass(frozen=True)
class Result:
    """Rates in recipients a second, CPU in seconds, memory and growth in MB."""

    readers: int
    editions: int
    rate: float
    cpu_workers: float
    cpu_clock: float
    cpu_standin: float
    memory: float
    growth: float


class Campaign:
    """A digest of twelve articles to `readers`, who differ so that about `editions` editions are sent."""

    def __init__(self, readers: int, *, editions: int = 1, workers: int = 2, latency: float = 0.0) -> None:
        self.readers = readers
        self.editions = editions
        self.workers = workers
        self.latency = latency

    def run(self) -> Result:
        """Send it. Raises RuntimeError unless everyone got exactly one mail."""
        folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
        try:
            with standin(self.latency) as url:
                settings = settings_for(folder, url)
                database = Database(settings.database_url)
                digest_id = self.prepare(database)
                with RunningService(settings, workers=self.workers) as service:
                    return self._measure(service, database, settings, digest_id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def prepare(self, database: Database) -> int:
        """Articles, readers and a draft in an empty database; the draft's number."""
        migrations.upgrade(database)
        for section in SECTIONS:
            add_article(database, f"A story of {section}, and what followed from it", section=section)
        with database.transaction() as session:
            imported_readers.import_rows(session, self._people())
        return add_digest(database)

    def _people(self) -> Iterator[ImportedReader]:
        rng = random.Random(1)
        masks = rng.sample(range(1, 2 ** len(SECTIONS)), self.editions) if self.editions > 1 else [-1]
        preferences = [
            Preferences("weekly", tuple(name for i, name in enumerate(SECTIONS) if mask >> i & 1)) for mask in masks
        ]
        for number in range(self.readers):
            yield ImportedReader(f"r{number}@readers.example", preferences[number % len(preferences)])

    def _measure(self, service: RunningService, database: Database, settings: Settings, digest_id: int) -> Result:
        service.until(lambda: _workers(settings) == self.workers, "the workers' start")
        before, size = cpu_of(service.supervisor), _size(database)
        with database.transaction() as session:
            scheduling.send_now(session, settings, digest_id, by=OPERATOR)
        service.until(lambda: _state(database, digest_id).status != "scheduled", "the freezing", pause=0.005)
        began = time.perf_counter()
        peak = _Peak(service)
        service.until(
            lambda: peak.look() or counted(settings, "recipients") >= self.readers,
            "the sending",
            pause=0.05,
        )
        seconds = time.perf_counter() - began
        service.until(lambda: _state(database, digest_id).status == "sent", "its end")
        after, counts = cpu_of(service.supervisor), counted(settings, "counts")
        if (counts["addresses"], counts["twice"]) != (self.readers, 0):
            raise RuntimeError(f"not everyone got exactly one mail: {counts}")
        growth = _size(database) - size
        database.dispose()
        return Result(
            readers=self.readers,
            editions=self.editions,
            rate=self.readers / seconds,
            cpu_workers=after["worker"] - before["worker"],
            cpu_clock=after["clock"] - before["clock"],
            cpu_standin=counts["cpu_seconds"],
            memory=peak.bytes / 1e6,
            growth=growth / 1e6,
        )


@contextmanager
def standin(latency: float = 0.0) -> Iterator[str]:
    """A stand-in for SendGrid, as a process of its own: its address."""
    module = ["-m", "tests.services.sendgrid_standin", "--fast", "--key", KEY, "--latency", str(latency)]
    process = subprocess.Popen([sys.executable, *module], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def counted(settings: Settings, figure: str) -> Any:
    """A figure of the stand-in: all its "counts", or just the number of "recipients", which costs it nothing."""
    with urllib.request.urlopen(f"{settings.sendgrid_host}/{figure}") as answer:
        return json.load(answer)


def settings_for(folder: Path, url: str) -> Settings:
    """Settings of a service in `folder` that sends through the stand-in at `url`."""
    return replace(
        SETTINGS,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'newsletter.sqlite3'}",
        redis_url=f"unix://{socket_path(folder)}",
        redis_is_embedded=True,
        secret_key="a secret key for the benchmark",
        suppression_key=SuppressionKey("a suppression key for it"),
        mail_transport="sendgrid",
        sendgrid_api_key=KEY,
        sendgrid_host=url,
    )


def _state(database: Database, digest_id: int) -> DigestState:
    with database.reading() as session:
        return digest_status(session, digest_id)


def _workers(settings: Settings) -> int:
    try:
        return Queues(settings.redis_url).workers()
    except RedisError:
        return 0


def _size(database: Database) -> int:
    """Bytes of the database's file; what its log holds is copied into it first."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(database.engine.url.database or "").stat().st_size


class _Peak:
    """The largest resident memory of a worker's process that was seen."""

    def __init__(self, service: RunningService) -> None:
        self._workers = [psutil.Process(c.process.pid) for c in service.supervisor.children if c.name != "clock"]
        self.bytes = 0

    def look(self) -> bool:
        for worker in self._workers:
            for process in (worker, *worker.children()):
                try:
                    self.bytes = max(self.bytes, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
        return False
