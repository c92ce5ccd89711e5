"""A lock that a dead host left, and a database that falls silent: nobody waits for them for long (PostgreSQL)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from newsletter.core.config import Settings
from newsletter.core.db import Database, DatabaseTimeouts
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.operations.tick import tick
from tests.factories import add_article, add_readers, send_digest
from tests.services.patience import PATIENCE
from tests.services.processes import environment_of

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_every_connection_has_its_limits(db: Database) -> None:
    with db.reading() as session:
        shown = {name: session.scalar(text(f"SHOW {name}")) for name in ("lock_timeout", "statement_timeout")}
        idle = session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert (shown, idle) == ({"lock_timeout": "5s", "statement_timeout": "2min"}, "1min")


def test_the_clock_passes_over_a_batch_that_somebody_has_locked(app: Flask, db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 2)
    digests = [send_digest(db, settings) for _ in range(2)]
    for _ in digests:
        with db.transaction() as session:
            assert claims.claim_batch(session)
    with db.transaction() as session:
        session.execute(update(Batch).values(lease_until=1.0))
    dead = Database(settings.database_url)
    with dead.transaction() as held:
        held.execute(select(Batch.id).where(Batch.digest_id == digests[0]).with_for_update())
        tick(runtime())
        with db.reading() as session:
            states = dict(session.execute(select(Batch.digest_id, Batch.state)).all())
    assert states == {digests[0]: BatchState.CLAIMED, digests[1]: BatchState.READY}
    dead.dispose()


def test_a_lock_is_waited_for_no_longer_than_the_setting_says(db: Database, settings: Settings) -> None:
    waiting = Database(settings.database_url, DatabaseTimeouts(lock=0.1))
    with db.transaction() as held:
        held.execute(text("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"), waiting.transaction() as session:
            session.execute(select(Batch.id))
    waiting.dispose()


@contextmanager
def silent_database() -> Iterator[int]:
    """The port of a host that takes connections and never says anything, as one behind a dead network does."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=16)
    taken: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                taken.append(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()
        for each in taken:
            each.close()


_HANGING = """
import signal, sys
from newsletter.core import shutdown
from newsletter.core.db import Database, DatabaseTimeouts
signal.signal(signal.SIGTERM, lambda *_: shutdown.request())
shutdown.end_in_time()
print("begun", flush=True)
with Database(sys.argv[1], DatabaseTimeouts(connect=3000, network=3000)).reading() as session:
    session.connection()
"""


def test_sigterm_ends_a_process_while_the_database_is_silent(settings: Settings) -> None:
    with silent_database() as port:
        user = urlsplit(settings.database_url).username or "nobody"
        command = [sys.executable, "-c", _HANGING, f"postgresql://{user}:x@127.0.0.1:{port}/letters"]
        env = environment_of(replace(settings, database_url="")) | {"PYTHONPATH": os.environ.get("PYTHONPATH", ".")}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)  # 4.7 s where nothing else runs
        assert process.returncode == 1
        process.stdout.close()
