"""Freezing an audience of a million in 2,000 editions, on SQLite and on PostgreSQL; each in a process of its own,
beside reading the same columns.
"""

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
from tests.bench.databases import KINDS, database_of, read_by_driver
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_most

MOST = 2.5
"""Times the reading of the same columns."""
EDITIONS = 2000
COLUMNS = "id, CAST(sections AS TEXT), min_trust, max_hype, hour, zone, language, format"


def measure(readers: int) -> list[Row]:
    """Seconds and peak memory for `readers` (1,000,000)."""
    rows = []
    for kind in KINDS:
        with database_of(kind) as url:
            found = _in_a_process(url, readers)
        rows += [
            Row(f"Reading {readers:,} readers by the driver, {kind}", found["reading"], "s"),
            Row("Freezing them", found["seconds"], "s"),
            at_most("… beside the reading", found["seconds"] / found["reading"], "× that", MOST),
        ]
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
    """Freeze the digest that is there, and print its cost, and that of reading its readers before and after."""
    database = Database(url)
    settings = replace(SETTINGS, database_url=url)
    with database.transaction() as session:
        scheduling.send_now(session, settings, 1, by=OPERATOR)
    before = _reading(database)
    began = time.perf_counter()
    freeze.freeze_digest(database, settings, 1)
    seconds, megabytes = time.perf_counter() - began, peak_memory()
    reading = (before + _reading(database)) / 2
    sys.stdout.write(json.dumps({"reading": reading, "seconds": seconds, "megabytes": megabytes}))


def _reading(database: Database) -> float:
    """Seconds for every reader's columns, one row after the other, none kept."""
    began = time.perf_counter()
    for _ in read_by_driver(database, f"SELECT {COLUMNS} FROM subscribers WHERE status = 'active' ORDER BY id"):
        pass
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1])
