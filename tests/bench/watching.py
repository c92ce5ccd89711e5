"""Open pages of a digest that is being sent to a million readers: what their polls cost, beside a bare Flask route.

A hundred pages ask every two seconds: 50 requests a second. The bare route reads one row by its key.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import insert, select

from newsletter.app import create_app
from newsletter.core.db import Database, table_of
from newsletter.core.runtime import runtime_of
from newsletter.delivery.ledger.models import Batch, BatchState, Edition
from newsletter.digests.models import Digest, DigestStatus
from tests.bench import bare
from tests.bench.databases import KINDS, database_of, migrated
from tests.bench.result import Row, at_most
from tests.bench.signups import bench_settings
from tests.bench.wsgi import request_of
from tests.services import desk

PAGES = 100
EVERY = 2
"""Seconds between two polls of a page."""
READERS_OF_BATCH = 1000
ROUNDS, REQUESTS = 5, 400
"""Own and bare requests take turns; the best round of each counts."""


def measure(readers: int) -> list[Row]:
    """With so many readers (a million)."""
    return [row for kind in KINDS for row in _measure(kind, readers)]


def _measure(kind: str, readers: int) -> list[Row]:
    with database_of(kind) as url, tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        migrated(url).dispose()
        settings = replace(bench_settings(Path(folder)), database_url=url, redis_url=f"unix://{folder}/none.sock")
        app = create_app(settings)
        db = runtime_of(app).db
        digest = _fill(db, readers)
        cookie = f"{desk.cookie_name(settings)}={desk.start_session(db, desk.add_person(db))}"
        path = f"/desk/digests/{digest}/sending/changes"
        changed = request_of(app, settings, path, cookie)
        version = changed()
        measured = (
            request_of(bare.create_app_with_row(db), settings, "/row/1", ""),
            request_of(app, settings, f"{path}?version={version}", cookie),
        )
        one, poll = (min(_seconds(each) for _ in range(ROUNDS)) for each in measured)
        began = time.process_time()
        changed()
        whole = time.process_time() - began
        db.dispose()
    polls = PAGES / EVERY
    return [
        Row(f"{kind}: a bare route that reads a row", one * 1e6, "µs CPU"),
        Row(f"{kind}: a poll that finds nothing new", poll * 1e6, "µs CPU"),
        Row(f"{kind}: the parts of the page, rendered", whole * 1e3, "ms CPU"),
        at_most(f"{kind}: {PAGES} open pages a second", polls * poll / one, "bare requests", 50),
    ]


def _seconds(ask: Callable[[], str]) -> float:
    """CPU seconds of one request."""
    began = time.process_time()
    for _ in range(REQUESTS):
        ask()
    return (time.process_time() - began) / REQUESTS


def _fill(db: Database, readers: int) -> int:
    """A digest that is being sent, half of it done; its number."""
    with db.transaction() as session:
        digest = Digest(cadence="weekly", subject="A digest", status=DigestStatus.SENDING)
        session.add(digest)
        session.flush()
        edition = Edition(digest_id=digest.id, mask=1)
        session.add(edition)
        session.flush()
        count = readers // READERS_OF_BATCH
        rows = [
            {
                "digest_id": digest.id,
                "edition_id": edition.id,
                "state": BatchState.DONE if number < count // 2 else BatchState.READY,
                "outcomes": (b"a" if number < count // 2 else b"w") * READERS_OF_BATCH,
                "recipients": bytes(8 * READERS_OF_BATCH),
                "first_id": 0,
                "last_id": 0,
            }
            for number in range(count)
        ]
        session.execute(insert(table_of(Batch)), rows)
        assert session.scalar(select(Batch.id).limit(1))
        return digest.id
