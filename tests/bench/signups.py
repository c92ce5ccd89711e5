"""Sign-ups: posted to the web server, beside a bare Flask route that inserts one row; on SQLite and
on PostgreSQL, with a real queue, each from a network of its own.
"""

from __future__ import annotations

import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from threading import local
from typing import TypeVar
from urllib.parse import quote

from redis import Redis

from newsletter import migrations
from newsletter.app import create_app
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.embedded.supervisor import Supervisor
from newsletter.embedded.valkey import EmbeddedValkey
from tests.bench.answers import read_answer
from tests.bench.cpu import cpu_of
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_least, at_most
from tests.factories import form_token
from tests.services.patience import PATIENCE
from tests.services.postgres import Postgres
from tests.services.processes import environment_of

PORT = 8480
SECONDS = 2.0
ROUNDS = 5
"""Of so many seconds each."""
CLIENTS = 16
FORMS = 2000
"""Each is good for some sign-ups; fewer are posted in a round than all of them together are good for."""
SHARE = 0.2
"""Of the bare route's rate: at so many sign-ups a second an answer's time is looked at."""
SLOWER = 10
"""Times the time that 99 of 100 answers of the bare route stay below, at the same rate."""

HEAD = (
    "POST /subscribe HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Forwarded-For: 198.%s\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
)

T = TypeVar("T")

OURS, BARE = "newsletter.app", "tests.bench.bare"
"""Modules with a `create_app`; the same server serves both."""
SERVE = (
    "import os; from newsletter.core import one_cpu; from newsletter.web import server; "
    "from {module} import create_app; "
    "server.serve(create_app(), server.listen('127.0.0.1', int(os.environ['PORT'])), *one_cpu.choose(1))"
)


def measure() -> list[Row]:
    """The rate beside the bare route's, and the time that 99 of 100 answers stay below."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
    valkey, postgres = EmbeddedValkey(folder), Postgres()
    try:
        valkey.ensure()
        settings = replace(bench_settings(folder), redis_url=f"unix://{valkey.socket}")
        urls = {"SQLite": f"sqlite:///{folder / 'newsletter.sqlite3'}", "PostgreSQL": postgres.url("postgres")}
        return [row for name, url in urls.items() for row in _measure(name, replace(settings, database_url=url))]
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def bench_settings(folder: Path) -> Settings:
    """The settings of a service with its data in `folder`, behind a proxy that says which network a sign-up is from."""
    return replace(
        SETTINGS,
        data_dir=folder,
        public_url=f"http://127.0.0.1:{PORT}",
        secret_key="a secret key for the benchmark",
        suppression_key=SuppressionKey("a suppression key for the benchmark"),
        maildir=folder / "mail",
        port=PORT,
        trusted_proxies=1,
    )


def _measure(name: str, settings: Settings) -> list[Row]:
    database = Database(settings.database_url)
    migrations.upgrade(database)
    database.dispose()
    with create_app(settings).app_context():
        opened = [form_token() for _ in range(FORMS)]
    bare, ours = Clients(PORT + 1, opened), Clients(PORT, opened)
    redis = Redis.from_url(settings.redis_url)
    with _serving(settings, BARE, bare) as theirs, _serving(settings, OURS, ours) as own:
        # In turns, and the round in the middle counts: whatever else the machine does slows both, or one round.
        ratios = []
        for _ in range(ROUNDS):
            theirs_rate = bare.as_fast_as_possible()
            ratios.append(ours.as_fast_as_possible() / theirs_rate)
            _forget_counts(redis)
        bare_cpu, our_cpu = (cpu_of(each)["web"] for each in (theirs, own))
        rate = max(1, int(bare.rate * SHARE))
        p99s = [[_p99(clients.at_rate(rate, int(rate * SECONDS))) for clients in (bare, ours)] for _ in range(ROUNDS)]
        bare_p99, our_p99 = (median(times) for times in zip(*p99s, strict=True))
    redis.close()
    return [
        Row(f"{name}: a bare route that inserts a row", bare.rate, "a second"),
        Row(f"{name}: sign-ups", ours.rate, "a second"),
        at_least(f"{name}: sign-ups beside the bare route", median(ratios), "of its rate", 0.6),
        Row(f"{name}: CPU of the bare route", bare_cpu / bare.done * 1e6, "µs"),
        Row(f"{name}: CPU of a sign-up", our_cpu / ours.done * 1e6, "µs"),
        Row(f"{name}: CPU of these clients for one", ours.cpu / ours.done * 1e6, "µs"),
        Row(f"{name}: an answer at {rate} a second, p99", our_p99 * 1e3, "ms"),
        at_most(f"{name}: … beside the bare route's", our_p99 / bare_p99, "× that", SLOWER),
    ]


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def _forget_counts(redis: Redis) -> None:
    """Sign-ups are counted as ever, but a machine of any speed stays below the limit for all of an hour."""
    for pattern in ("newsletter:signups:*", "newsletter:forms:*"):
        if keys := list(redis.scan_iter(pattern, count=10_000)):
            redis.delete(*keys)


@contextmanager
def _serving(settings: Settings, application: str, clients: Clients) -> Iterator[Supervisor]:
    environment = environment_of(replace(settings, port=clients.port))
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    supervisor = Supervisor(environment, settings.data_dir / "log")
    try:
        supervisor.start("web", [sys.executable, "-c", SERVE.format(module=application)])
        end = time.monotonic() + PATIENCE
        while not clients.is_answered():
            if time.monotonic() > end:
                raise AssertionError(f"{application} does not answer")
            time.sleep(0.1)
        yield supervisor
    finally:
        supervisor.stop()


class Clients:
    """Browsers that sign up, each with a connection that it keeps."""

    def __init__(self, port: int, form_tokens: list[str]) -> None:
        self.port = port
        self._form_tokens = form_tokens
        self._own = local()
        self._number = count()
        self._seconds = 0.0
        self.done = 0
        """Sign-ups that were posted as fast as possible."""
        self.cpu = 0.0
        """Seconds that these clients themselves took for them."""

    def is_answered(self) -> bool:
        try:
            self.post()
        except OSError:
            return False
        return True

    @property
    def rate(self) -> float:
        """Answers a second, as fast as they come."""
        return self.done / self._seconds

    def as_fast_as_possible(self) -> float:
        """For a while; the answers a second in it."""
        end, cpu = time.monotonic() + SECONDS, time.process_time()

        def go_on(_client: int) -> int:
            done = 0
            while time.monotonic() < end:
                self.post()
                done += 1
            return done

        done = sum(self._together(go_on, range(CLIENTS)))
        self.done += done
        self._seconds += SECONDS
        self.cpu += time.process_time() - cpu
        return done / SECONDS

    def in_a_row(self, number: int) -> list[float]:
        """The seconds until each of so many answers, posted as fast as they come."""

        def timed(_number: int) -> float:
            began = time.monotonic()
            self.post()
            return time.monotonic() - began

        return self._together(timed, range(number))

    def at_rate(self, rate: int, number: int) -> list[float]:
        """The seconds until each of so many answers, from the moment at which its post was due."""
        began = time.monotonic() + 0.5

        def at(number: int) -> float:
            due = began + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self.post()
            return time.monotonic() - due

        return self._together(at, range(number))

    def post(self) -> None:
        """Sign up one more address. Raises OSError when that fails."""
        connection = getattr(self._own, "connection", None) or socket.create_connection(("127.0.0.1", self.port), 10)
        self._own.connection = None
        number = next(self._number)
        form_token = self._form_tokens[number % FORMS]
        body = f"email=reader{number}%40readers.example&form_token={quote(form_token)}"
        network = ".".join(str(random.randrange(1, 255)) for _ in range(3))
        connection.sendall((HEAD % (self.port, network, len(body)) + body).encode())
        head, page = read_answer(connection)
        if head[9:12] != b"200" or (b"Check your mailbox" not in page and page != b"Thank you"):
            raise AssertionError(f"a sign-up was answered {head[:20]!r}")
        self._own.connection = connection

    def _together(self, work: Callable[[int], T], numbers: range) -> list[T]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(work, numbers))
