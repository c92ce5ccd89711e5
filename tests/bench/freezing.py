"""Freezing an audience of a million in 2,000 editions, on SQLite and on PostgreSQL; each in a process of its own,
beside reading the same columns. Then with five corrections of stories that half of the readers were sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

from sqlalchemy import select

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Article, RevisionKind
from newsletter.core.actors import OPERATOR
from newsletter.core.db import Database
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger.models import Batch
from newsletter.digests import scheduling
from newsletter.mail.outcomes import ACCEPTED
from tests.bench.campaign import Campaign
from tests.bench.cpu import peak_memory
from tests.bench.databases import KINDS, database_of, read_by_driver
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_most
from tests.factories import add_digest

MOST = 2.5
"""Times the reading of the same columns."""
EDITIONS = 2000
CORRECTIONS = 5
MOST_WITH_CORRECTIONS = 1.5
"""Times the freeze without them."""
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
            Row(f"Freezing them with {CORRECTIONS} corrections for half of them", found["corrected"], "s"),
            at_most("… beside the freeze without", found["corrected"] / found["seconds"], "×", MOST_WITH_CORRECTIONS),
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
    before = _reading(database)
    seconds, megabytes = _freezing(database, 1), peak_memory()
    reading = (before + _reading(database)) / 2
    _correct_after_half(database)
    corrected = _freezing(database, add_digest(database))
    found = {"reading": reading, "seconds": seconds, "megabytes": megabytes, "corrected": corrected}
    sys.stdout.write(json.dumps(found))


def _freezing(database: Database, digest_id: int) -> float:
    """Seconds that it takes to freeze a draft."""
    settings = replace(SETTINGS, database_url=str(database.engine.url.render_as_string(hide_password=False)))
    with database.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    began = time.perf_counter()
    if not freeze.freeze_digest(database, settings, digest_id):
        raise RuntimeError("the digest was not frozen")
    return time.perf_counter() - began


def _correct_after_half(database: Database) -> None:
    """Accept every other batch, and correct some of the stories."""
    with database.transaction() as session:
        for batch in session.scalars(select(Batch).where(Batch.id % 2 == 0)):
            batch.outcomes = bytes([ACCEPTED]) * len(batch.outcomes)
        slugs = session.scalars(select(Article.slug).order_by(Article.id).limit(CORRECTIONS)).all()
        for slug in slugs:
            change = Change(RevisionKind.CORRECTION, "It was 38, not 36.", serious=True)
            revising.revise(session, slug, {"dek": "It was 38."}, change)


def _reading(database: Database) -> float:
    """Seconds for every reader's columns, one row after the other, none kept."""
    began = time.perf_counter()
    for _ in read_by_driver(database, f"SELECT {COLUMNS} FROM subscribers WHERE status = 'active' ORDER BY id"):
        pass
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1])
