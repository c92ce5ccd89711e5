"""The real processes: clock, workers and their Valkey, and what becomes of a digest when they are killed."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from email.parser import BytesHeaderParser
from pathlib import Path

import psutil
import pytest
from redis.exceptions import RedisError

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.delivery.reports.status import digest_status
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.preferences import Preferences
from tests import factories
from tests.factories import add_article, add_readers, schedule_now
from tests.services.patience import PATIENCE
from tests.services.processes import RunningService, on_one_machine


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """On one machine: the clock runs the queue."""
    return on_one_machine(settings)


def addressees(maildir: Path) -> Counter[str]:
    parser = BytesHeaderParser()
    return Counter(parser.parsebytes(path.read_bytes())["To"] for path in (maildir / "new").iterdir())


def sent(db: Database, digest_id: int) -> Callable[[], bool]:
    def is_sent() -> bool:
        with db.reading() as session:
            return digest_status(session, digest_id).status == "sent"

    return is_sent


def accepted(db: Database, digest_id: int) -> int:
    with db.reading() as session:
        return digest_status(session, digest_id).accepted


def start_digest(db: Database, settings: Settings) -> int:
    return schedule_now(db, settings)


def test_killed_workers_lose_no_one_and_mail_no_one_twice(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 4000)
    digest_id = start_digest(db, settings)
    with RunningService(settings) as service:
        service.until(lambda: (settings.maildir / "new").exists(), "the first mail")
        for child in (True, False, True):
            name = random.choice(["worker-0", "worker-1"])
            is_sent = sent(db, digest_id)  # on a quick machine it may be over before the third
            service.until(lambda: service.kill(name, child=child) or is_sent(), f"killing {name}")  # noqa: B023
        service.until(sent(db, digest_id), "the digest being sent")
    assert accepted(db, digest_id) == 4000
    found = addressees(settings.maildir)
    assert len(found) == 4000
    assert set(found.values()) == {1}


def test_a_killed_clock_and_a_killed_queue_come_back(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 2000)
    with RunningService(settings) as service:
        (clock, *_rest) = service.supervisor.children
        service.until(lambda: bool(psutil.Process(clock.process.pid).children()), "the queue's start")
        (valkey,) = psutil.Process(clock.process.pid).children()
        valkey.kill()
        first = start_digest(db, settings)
        service.until(sent(db, first), "the digest being sent after the queue was killed")
        service.kill("clock")
        second = start_digest(db, settings)
        service.until(sent(db, second), "the digest being sent after the clock was killed")
    assert accepted(db, first) == accepted(db, second) == 2000


def test_with_a_redis_url_no_embedded_queue_is_started(db: Database, settings: Settings, queues: Queues) -> None:
    path = queues.redis.get_connection_kwargs()["path"]
    settings = replace(settings, redis_url=f"unix://{path}", redis_is_embedded=False)
    add_article(db, "A story")
    add_readers(db, 10)
    digest_id = start_digest(db, settings)
    with RunningService(settings) as service:
        service.until(sent(db, digest_id), "the digest being sent")
        assert psutil.Process(service.supervisor.children[0].process.pid).children() == []
    assert not (settings.data_dir / "valkey").exists()


def test_a_sign_up_reaches_the_mailbox_through_queue_or_sweeper(db: Database, settings: Settings) -> None:
    """The wake-up is lost here (nobody queues it), so the clock's sweep finds the row."""
    with RunningService(settings, workers=1) as service:
        with db.transaction() as session:
            factories.sign_up(session, settings, "new@readers.example", Preferences())

        def is_gone() -> bool:
            with db.reading() as session:
                return session.query(OutgoingMail).count() == 0

        service.until(is_gone, "the confirmation mail")
    (path,) = (settings.maildir / "new").iterdir()
    mail = BytesHeaderParser().parsebytes(path.read_bytes())
    assert mail["To"] == "new@readers.example"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_stopping_leaves_no_process_behind(db: Database, settings: Settings) -> None:
    with RunningService(settings) as service:
        clock = psutil.Process(service.supervisor.children[0].process.pid)
        service.until(lambda: bool(clock.children()), "the queue's start")
        everyone = [psutil.Process(child.process.pid) for child in service.supervisor.children] + clock.children()
    assert [process for process in everyone if process.is_running()] == []


def workers_of(settings: Settings) -> int:
    try:
        return Queues(settings.redis_url).workers()
    except RedisError:
        return 0


def test_clock_and_workers_that_are_stopped_together_end_without_a_complaint(db: Database, settings: Settings) -> None:
    """The workers lose the clock's queue at the same moment, as under systemd."""
    with RunningService(settings) as service:
        children = service.supervisor.children
        clock = psutil.Process(children[0].process.pid)
        service.until(lambda: bool(clock.children()), "the queue's start")
        service.until(lambda: workers_of(settings) == service.workers, "the workers' start")
        for child in children:
            child.process.terminate()
        # One that has not set its handlers yet ends by the signal itself.
        assert {child.process.wait(PATIENCE) for child in children} <= {0, -signal.SIGTERM}
    assert "Traceback" not in service.logs()


@pytest.mark.skipif(not Path("/proc").exists(), reason="the kernel ends orphans on Linux alone")
def test_a_killed_clock_takes_its_queue_along(db: Database, settings: Settings) -> None:
    with RunningService(settings, workers=0) as service:
        clock = psutil.Process(service.supervisor.children[0].process.pid)
        service.until(lambda: bool(clock.children()), "the queue's start")
        (valkey,) = clock.children()
        clock.kill()
        psutil.wait_procs([valkey], timeout=PATIENCE)
        assert not valkey.is_running()
