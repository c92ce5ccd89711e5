"""The service in the small: `newsletter serve` at its start, idle, and while readers sign up one by one.

Times are goals for a quiet machine. Ratios are measured in one run; memory and the idle share of a core do not depend
on a machine's speed.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil

from newsletter.app import create_app
from newsletter.core.config import Settings
from newsletter.core.queue_socket import socket_path
from tests.bench.result import Row, at_most, goal
from tests.bench.signups import FORMS, PORT, Clients, bench_settings
from tests.factories import form_token
from tests.services.patience import PATIENCE
from tests.services.postgres import Postgres
from tests.services.processes import environment_of
from workers.worker import REST_AFTER

STARTS = 5
IDLE = 30.0
"""Seconds for which the idle service is watched, after SETTLE seconds: by then its workers rest."""
SETTLE = REST_AFTER + 5.0
RATE = 50
"""Sign-ups a second, at which each one's CPU is looked at."""
COUNT = 500


def measure() -> list[Row]:
    """Start, idle and sign-ups with their mails, on SQLite and on PostgreSQL."""
    folder, postgres = Path(tempfile.mkdtemp(prefix="newsletter-bench-")), Postgres()
    try:
        urls = {"SQLite": f"sqlite:///{folder / 'SQLite' / 'newsletter.sqlite3'}"}
        urls["PostgreSQL"] = postgres.url("postgres")
        rows = [Row("CPU of making a file: each mail is one here", _cpu_of_a_file(folder) * 1e6, "µs")]
        for name, url in urls.items():
            data_dir = folder / name
            data_dir.mkdir()
            redis_url = f"unix://{socket_path(data_dir)}"
            settings = replace(bench_settings(data_dir), redis_url=redis_url, redis_is_embedded=True)
            rows += _measure(name, replace(settings, database_url=url))
        return rows
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _cpu_of_a_file(folder: Path) -> float:
    """Seconds of CPU. It may be thirty times as much as in another folder of the same disk (33 and 1,000 µs)."""
    folder = folder / "files"
    folder.mkdir()
    began = time.process_time()
    for number in range(COUNT):
        (folder / str(number)).touch()
    return (time.process_time() - began) / COUNT


def _measure(name: str, settings: Settings) -> list[Row]:
    starts = [_start_beside_imports(settings) for _ in range(STARTS + 1)][1:]  # the first makes the database
    with create_app(settings).app_context():
        clients = Clients(PORT, [form_token() for _ in range(FORMS)])
    with _serving(settings) as parent:
        time.sleep(SETTLE)
        before = _cpu(parent)
        time.sleep(IDLE)
        share = (_cpu(parent) - before) / IDLE * 100
        memory = _pss(parent)
        steady = _signups(settings, parent, clients, RATE)
        burst = _signups(settings, parent, clients, None)
    most_cpu = 5 if name == "SQLite" else 7
    return [
        goal(f"{name}: start to the first answer", median(first for first, _ in starts), "s", "≤ 0.6"),
        at_most(f"{name}: start beside importing flask and sqlalchemy", median(a / b for a, b in starts), "times", 1.6),
        at_most(f"{name}: idle, memory of all processes (PSS)", memory, "MB", 110),
        at_most(f"{name}: idle, share of a core", share, "%", 0.3),
        goal(f"{name}: CPU of a sign-up and its mail, {RATE} a second", steady.cpu * 1e3, "ms", f"≤ {most_cpu}"),
        goal(f"{name}: an answer at {RATE} a second, p99", steady.p99 * 1e3, "ms", "≤ 30"),
        at_most(f"{name}: from the last sign-up to the last mail", steady.last_mail, "s", 1),
        goal(f"{name}: sign-ups at most, mails going out", burst.rate, "a second", "≥ 500"),
        Row(f"{name}: CPU of a sign-up and its mail then", burst.cpu * 1e3, "ms"),
        at_most(f"{name}: from the last sign-up to the last mail then", burst.last_mail, "s", 3),
    ]


def _start_beside_imports(settings: Settings) -> tuple[float, float]:
    """Seconds from the start to the first answer, and for a Python that imports the two large libraries."""
    began = time.perf_counter()
    with _serving(settings):
        first = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import flask, sqlalchemy"], check=True)
    return first, time.perf_counter() - began


@contextmanager
def _serving(settings: Settings) -> Iterator[psutil.Process]:
    environment = environment_of(settings) | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with (settings.data_dir / "serve.log").open("ab") as output:
        command = [sys.executable, "-m", "newsletter", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        end = time.monotonic() + PATIENCE
        while not _answers(settings):
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError((settings.data_dir / "serve.log").read_text()[-2000:])
            time.sleep(0.005)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _answers(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class _Signups:
    """What sign-ups cost. Times are in seconds."""

    def __init__(self, cpu: float, times: list[float], seconds: float, last_mail: float) -> None:
        self.cpu, self.rate, self.last_mail = cpu, len(times) / seconds, last_mail
        self.p99 = sorted(times)[len(times) * 99 // 100]


def _signups(settings: Settings, parent: psutil.Process, clients: Clients, rate: int | None) -> _Signups:
    """COUNT sign-ups, each with its mail; `rate` a second, or as fast as they are answered."""
    before, mails = _cpu(parent), _mails(settings)
    began = time.monotonic()
    times = clients.at_rate(rate, COUNT) if rate else clients.in_a_row(COUNT)
    ended = time.monotonic()
    while _mails(settings) < mails + COUNT:
        if time.monotonic() > ended + PATIENCE:
            raise AssertionError("some confirmation mails did not come")
        time.sleep(0.01)
    last_mail = time.monotonic() - ended
    time.sleep(1.0)  # the job that looks for more ends
    return _Signups((_cpu(parent) - before) / COUNT, times, ended - began, last_mail)


def _mails(settings: Settings) -> int:
    folder = settings.maildir / "new"
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def _everyone(parent: psutil.Process) -> list[psutil.Process]:
    return [parent, *parent.children(recursive=True)]


def _cpu(parent: psutil.Process) -> float:
    """CPU seconds of the tree so far, and of those of its processes that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in _everyone(parent))


def _pss(parent: psutil.Process) -> float:
    """MB of memory, of what processes share each one's part alone."""
    kilobytes = 0
    for process in _everyone(parent):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process.pid}/smaps_rollup").read_text(), re.MULTILINE)
        kilobytes += int(found[1]) if found else 0
    return kilobytes * 1024 / 1e6
