"""Importing a file of a million readers with the command itself, on SQLite and on PostgreSQL, while readers sign up in
another process; beside the driver's own insert of the same rows.
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
from newsletter.core.db import Database, table_of
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import requests
from tests.bench.cpu import cpu_of_servers, peak_memory
from tests.bench.databases import KINDS, databases_of, insert_by_driver, migrated, read_by_driver
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_least, at_most
from tests.services.processes import environment_of

MOST = 4
"""Times the CPU of the driver's own insert: SQLite's executemany, PostgreSQL's COPY. Its seconds are no measure: an
import into SQLite leaves the file to others between two transactions, however fast the machine is."""
MOST_MEGABYTES = 300
LEAST_SIGNUPS = 0.5
"""Of those that would have been made if none had waited."""
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
        for kind in KINDS:
            with databases_of(kind, 2) as (url, other):
                took, waits = _import(path, url, readers)
                floor = _insert_by_driver(Database(url), migrated(other))
            p99 = sorted(waits)[int(len(waits) * 0.99)] * 1000
            signups = len(waits) * EVERY / (sum(waits) + len(waits) * EVERY)
            rows += [
                Row(f"{kind}: the driver's insert of {readers:,} readers", floor, "s of CPU"),
                Row("Importing them", took.seconds, "s"),
                Row("CPU of it, sign-ups beside it included", took.cpu, "s of CPU"),
                at_most("… beside the insert", took.cpu / floor, "× that", MOST),
                at_most("Memory of it, at its peak", took.megabytes, "MB", MOST_MEGABYTES),
                Row(f"A sign-up beside it, p99 of {len(waits):,}", p99, "ms"),
                at_least("Sign-ups beside it, of those without it", signups, "×", LEAST_SIGNUPS),
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
    began, megabytes, servers = time.perf_counter(), 0.0, cpu_of_servers()
    process = psutil.Popen(command, env=environment_of(settings), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.status() != psutil.STATUS_ZOMBIE:
        megabytes = max(megabytes, peak_memory(process.pid))
        time.sleep(0.02)
    seconds, times = time.perf_counter() - began, process.cpu_times()
    imported = json.loads(process.communicate()[0])["imported"]
    if imported != readers:
        raise RuntimeError(f"{imported} of {readers} readers came in")
    return Took(seconds, times.user + times.system + cpu_of_servers() - servers, megabytes)


def _insert_by_driver(database: Database, other: Database) -> float:
    """CPU seconds for the same rows in another database; reading them, which takes turns with it, is left out."""
    columns = [column.name for column in table_of(Subscriber).columns]
    stored = ", ".join("CAST(sections AS TEXT)" if name == "sections" else name for name in columns)
    statement = f"SELECT {stored} FROM subscribers ORDER BY id"
    began = time.process_time() + cpu_of_servers()
    for _ in read_by_driver(database, statement):
        pass
    between = time.process_time() + cpu_of_servers()
    insert_by_driver(other, "subscribers", columns, read_by_driver(database, statement))
    return time.process_time() + cpu_of_servers() - between - (between - began)


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
