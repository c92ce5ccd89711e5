"""Freezing an audience of a million in 2,000 editions, on SQLite and on PostgreSQL, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

from newsletter.core.actors import OPERATOR
from newsletter.core.db import Database
from newsletter.delivery.freezing import freeze
from newsletter.digests import scheduling
from tests.bench.campaign import Campaign
from tests.bench.cpu import peak_memory
from tests.bench.databases import database_of
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_most

MOST_SECONDS = {"SQLite": 6, "PostgreSQL": 12}
EDITIONS = 2000


def measure(readers: int) -> list[Row]:
    """Seconds and peak memory for `readers` (1,000,000)."""
    rows = []
    for kind, most in MOST_SECONDS.items():
        with database_of(kind) as url:
            found = _in_a_process(url, readers)
        rows.append(at_most(f"Freezing {readers:,} readers, {kind}", found["seconds"], "s", most))
        if kind == "SQLite":
            rows.append(at_most("Memory of it, at its peak", found["megabytes"], "MB", 200))
    return rows


def _in_a_process(url: str, readers: int) -> dict[str, float]:
    Campaign(readers, editions=EDITIONS).prepare(Database(url))
    command = [sys.executable, "-m", "tests.bench.freezing", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


def main(url: str) -> None:
    """Freeze the digest that is there, and print its cost."""
    database = Database(url)
    settings = replace(SETTINGS, database_url=url)
    with database.transaction() as session:
        scheduling.send_now(session, settings, 1, by=OPERATOR)
    began = time.perf_counter()
    freeze.freeze_digest(database, settings, 1)
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak_memory()}))


if __name__ == "__main__":
    main(sys.argv[1])
