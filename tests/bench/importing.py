"""Importing a file of a million readers with the command itself, on SQLite and on PostgreSQL, while readers sign up in
another process.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from newsletter import migrations
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import requests
from tests.bench.cpu import peak_memory
from tests.bench.databases import database_of
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_most
from tests.services.processes import environment_of

MOST_SECONDS = {"SQLite": 60, "PostgreSQL": 45}
MOST_MEGABYTES = 300
MOST_MILLISECONDS = 100
"""For a sign-up meanwhile, at the 99th percentile."""
EVERY = 0.05
"""Seconds between two sign-ups."""


class Took(NamedTuple):
    """What one import cost."""

    seconds: float
    cpu: float
    megabytes: float


def measure(readers: int) -> list[Row]:
    """Seconds, CPU and memory for `readers` (1,000,000), and how long a sign-up beside them takes."""
    rows = []
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        path = Path(folder) / "readers.csv"
        _write(path, readers)
        for kind, most in MOST_SECONDS.items():
            with database_of(kind) as url:
                took, waits = _import(path, url, readers)
            p99 = sorted(waits)[int(len(waits) * 0.99)] * 1000
            rows += [
                at_most(f"Importing {readers:,} readers, {kind}", took.seconds, "s", most * readers / 1_000_000),
                Row("CPU of it, without a server's", took.cpu, "s"),
                at_most("Memory of it, at its peak", took.megabytes, "MB", MOST_MEGABYTES),
                at_most(f"A sign-up beside it, p99 of {len(waits):,}", p99, "ms", MOST_MILLISECONDS),
            ]
    return rows


def _write(path: Path, readers: int) -> None:
    """Addresses in no order, as lists that grew have them."""
    rng = random.Random(1)
    with path.open("w") as file:
        file.write("email,cadence,sections,min_trust,confirmed_at\n")
        for number in range(readers):
            address = f"{rng.getrandbits(40):x}.reader{number}@readers{number % 97}.example"
            moment = f"2026-05-{1 + number % 28:02}T10:{number % 60:02}:00Z"
            file.write(f"{address},weekly,Models;Section {number % 20},{number % 100},{moment}\n")


def _import(path: Path, url: str, readers: int) -> tuple[Took, list[float]]:
    data_dir = path.parent / "data"
    data_dir.mkdir(exist_ok=True)
    settings = replace(
        SETTINGS,
        data_dir=data_dir,
        database_url=url,
        secret_key="a secret key for the benchmark",
        suppression_key=SuppressionKey("a suppression key for it"),
    )
    database = Database(url)
    migrations.upgrade(database)
    database.dispose()
    beside = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.importing", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert beside.stdout is not None
    beside.stdout.readline()  # it has begun
    took = _run(path, settings, readers)
    output, _ = beside.communicate("")
    return took, json.loads(output)


def _run(path: Path, settings: Settings, readers: int) -> Took:
    command = [sys.executable, "-m", "newsletter", "subscribers", "import", str(path), "--json"]
    began, megabytes = time.perf_counter(), 0.0
    process = psutil.Popen(command, env=environment_of(settings), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.status() != psutil.STATUS_ZOMBIE:
        megabytes = max(megabytes, peak_memory(process.pid))
        time.sleep(0.02)
    seconds, times = time.perf_counter() - began, process.cpu_times()
    imported = json.loads(process.communicate()[0])["imported"]
    if imported != readers:
        raise RuntimeError(f"{imported} of {readers} readers came in")
    return Took(seconds, times.user + times.system, megabytes)


def main(url: str) -> None:
    """Sign readers up until stdin is closed, and print the seconds that each took."""
    database = Database(url)
    waits: list[float] = []
    os.set_blocking(sys.stdin.fileno(), False)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(1) is None:
        began = time.perf_counter()
        requests.request_signup(database, f"late{len(waits)}@readers.example", Preferences(), page="/", wording="Yes.")
        waits.append(time.perf_counter() - began)
        time.sleep(EVERY)
    sys.stdout.write(json.dumps(waits))


if __name__ == "__main__":
    main(sys.argv[1])
