"""SIGTERM while the database is silent: the worker ends soon, and the answers that it has are not lost."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, Self
from urllib.parse import urlsplit

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.factories import add_article, add_readers, schedule_now, state_of
from tests.services import sendgrid_exchange as does
from tests.services.patience import PATIENCE
from tests.services.processes import RunningService, on_one_machine
from tests.services.sendgrid_standin import SendGridStandIn
from tests.services.silent_wire import SilentWire
from tests.services.smtp_server import Received
from tests.services.smtp_sink import SmtpSink

READERS = 20


def patient(settings: Settings) -> Settings:
    """Settings with which nothing but the request to stop ends a wait."""
    long = timedelta(minutes=5)
    return replace(
        settings,
        database_connect_timeout=long,
        database_lock_timeout=long,
        database_statement_timeout=long,
        database_idle_timeout=long,
        database_network_timeout=long,
    )


class Silence(Protocol):
    """A database that can be made to say nothing."""

    settings: Settings

    def begin(self) -> None: ...

    def end(self) -> None: ...


class SilentPostgres:
    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        url = urlsplit(settings.database_url)
        assert url.port
        self._wire = stack.enter_context(SilentWire(url.port))
        behind = url._replace(netloc=f"{url.username}@127.0.0.1:{self._wire.port}")
        self.settings = replace(settings, database_url=behind.geturl())
        self.begin, self.end = self._wire.fall_silent, self._wire.speak


class LockedSqlite:
    """Another program has the lock: SQLite's own wait for it is longer than SIGTERM may take."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings = settings
        self._path = settings.database_url.removeprefix("sqlite:///")
        self._stack = stack
        self._other: sqlite3.Connection | None = None

    def begin(self) -> None:
        if self._other is None:
            self._other = sqlite3.connect(self._path, timeout=60, check_same_thread=False, isolation_level=None)
            self._stack.callback(self._other.close)
            self._other.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        assert self._other is not None
        self._other.rollback()


class Provider(Protocol):
    """A stand-in that calls `during` when it takes its first mail, before it answers."""

    def settings(self, settings: Settings) -> Settings: ...

    def arrived(self) -> Counter[str]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class SilencingSendGrid(SendGridStandIn):
    def __init__(self, during: Callable[[], None]) -> None:
        super().__init__()

        def behave(exchange: does.Exchange) -> None:
            answer = exchange.take()
            during()
            exchange.answer(*answer)

        self.script(behave)

    def arrived(self) -> Counter[str]:
        return Counter(mail.address for mail in self.mails())


class SilencingSink(SmtpSink):
    def __init__(self, during: Callable[[], None]) -> None:
        super().__init__()
        self._during = during

    def settings(self, settings: Settings) -> Settings:
        return replace(settings, mail_transport="smtp", smtp_url=f"{self.url}?starttls=never")

    def take(self, mail: Received) -> None:
        super().take(mail)
        self._during()

    def arrived(self) -> Counter[str]:
        return Counter(mail.recipient for mail in self.mails)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return on_one_machine(settings)


@pytest.fixture
def silence(db: Database, settings: Settings) -> Iterator[Silence]:
    with ExitStack() as stack:
        yield LockedSqlite(settings, stack) if db.is_sqlite else SilentPostgres(settings, stack)


@pytest.mark.parametrize("kind", [SilencingSendGrid, SilencingSink])
def test_the_worker_ends_and_its_answers_are_kept(
    db: Database, silence: Silence, kind: Callable[[Callable[[], None]], Provider]
) -> None:
    began: list[bool] = []

    def begin() -> None:
        if not began:  # the mails of the next worker are no reason
            began.append(True)
            silence.begin()

    with kind(begin) as provider:
        settings = patient(provider.settings(silence.settings))
        add_article(db, "A story")
        add_readers(db, READERS)
        digest_id = schedule_now(db, settings)
        with RunningService(settings, workers=1) as service:
            service.until(lambda: bool(began), "the first mail")
            worker = service.supervisor.children[1].process
            worker.terminate()
            assert worker.wait(PATIENCE) in (0, 1)  # a killed one would show -9
            silence.end()
            service.until(lambda: state_of(db, digest_id).status == "sent", "the digest being sent")
        assert state_of(db, digest_id).accepted == READERS
        assert provider.arrived() == {f"r{number}@readers.example": 1 for number in range(1, READERS + 1)}
