"""`newsletter serve`: the whole service as one process tree, from an empty folder, through kills, to its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue_socket import socket_path
from newsletter.web.forms import form_tokens
from tests.factories import add_article, add_readers, schedule_now, state_of
from tests.services.patience import PATIENCE
from tests.services.processes import environment_of, on_one_machine

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
CHILDREN = ("web 1", "worker 1 (mails)", "worker 2 (digests)", "clock")
_NAMED = re.compile(r"process_tree: (.+) is process (\d+)$", re.MULTILINE)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return on_one_machine(settings, with_site=True)


class Serving:
    """A running `newsletter serve`."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
        self.settings, self.process, self._log = settings, process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def children(self) -> dict[str, int]:
        """The number of each child's last process."""
        return {name: int(pid) for name, pid in _NAMED.findall(self.log)}

    def everyone(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, f"{what} did not happen:\n{self.log}"
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.settings.public_url}/healthz", timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def sign_up(self, address: str) -> None:
        url = f"{self.settings.public_url}/subscribe"
        with urllib.request.urlopen(urllib.request.Request(url, headers=JSON), timeout=PATIENCE) as answer:
            token = json.load(answer)["form_token"]
        time.sleep(form_tokens.FASTEST.total_seconds() + 0.5)
        body = json.dumps({"email": address, "form_token": token}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body, JSON), timeout=PATIENCE) as answer:
            assert answer.status == 202

    def desk(self) -> str:
        """The page that somebody gets who comes to the desk."""
        with urllib.request.urlopen(f"{self.settings.public_url}/desk", timeout=PATIENCE) as answer:
            return bytes(answer.read()).decode()

    def mails(self) -> int:
        folder = self.settings.maildir / "new"
        return len(list(folder.iterdir())) if folder.exists() else 0


@contextmanager
def running(settings: Settings, tmp_path: Path, children: Sequence[str] = CHILDREN, **more: str) -> Iterator[Serving]:
    log = tmp_path / "serve.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "newsletter", "serve"]
        environment = environment_of(settings) | more
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    serving = Serving(settings, process, log)
    try:
        serving.until(lambda: serving.answers() and set(serving.children()) == set(children), "the start")
        yield serving
    finally:
        process.kill()
        process.wait()


def test_it_does_the_whole_job_and_no_child_s_death_ends_it(db: Database, settings: Settings, tmp_path: Path) -> None:
    add_article(db, "A story")
    add_readers(db, 20)
    with running(settings, tmp_path) as serving:
        serving.sign_up("new@readers.example")
        serving.until(lambda: serving.mails() == 1, "the confirmation mail")
        assert "Sign in" in serving.desk()
        for name in CHILDREN:
            pid = serving.children()[name]
            with suppress(ProcessLookupError):  # a worker that rests
                os.kill(pid, signal.SIGKILL)
                serving.until(lambda: serving.children()[name] != pid, "the child's return")  # noqa: B023
        serving.until(serving.answers, "the site's return")
        digest_id = schedule_now(db, settings)
        serving.until(lambda: state_of(db, digest_id).status == "sent", "the digest being sent")
        serving.sign_up("newer@readers.example")
        serving.until(lambda: serving.mails() == 22, "the other confirmation mail")
        everyone = serving.everyone()
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(PATIENCE) == 0
    assert [process for process in everyone if process.is_running() and process.status() != "zombie"] == []
    assert "Traceback" not in serving.log


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_process_of_the_site_keeps_to_a_cpu_of_its_own(db: Database, settings: Settings, tmp_path: Path) -> None:
    with running(settings, tmp_path, (*CHILDREN, "web 2"), WEB_CONCURRENCY="2") as serving:
        cpus = {name: cpus_of_threads(pid) for name, pid in serving.children().items()}
    everywhere = frozenset(os.sched_getaffinity(0))
    site = [cpus.pop("web 1"), cpus.pop("web 2")]
    assert [len(each) for each in site] == [1, 1]
    assert len(frozenset.union(*site)) == min(2, len(everywhere))
    assert set(cpus.values()) == {everywhere}, "the others run wherever there is room"


def cpus_of_threads(pid: int) -> frozenset[int]:
    """The CPUs that any thread of a process may use."""
    return frozenset(
        cpu for task in Path(f"/proc/{pid}/task").iterdir() for cpu in os.sched_getaffinity(int(task.name))
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_makes_the_database_at_the_first_start(settings: Settings, tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    fresh = replace(settings, data_dir=data_dir, database_url=f"sqlite:///{data_dir / 'newsletter.sqlite3'}")
    fresh = replace(fresh, redis_url=f"unix://{socket_path(data_dir)}")
    with running(fresh, tmp_path) as serving:
        serving.sign_up("new@readers.example")
        serving.until(lambda: serving.mails() == 1, "the confirmation mail")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_tells_systemd_that_it_is_ready_lives_and_ends(db: Database, settings: Settings, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(PATIENCE)
        with running(settings, tmp_path, NOTIFY_SOCKET=address, WATCHDOG_USEC="400000") as serving:
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100) == b"WATCHDOG=1"
            serving.process.send_signal(signal.SIGTERM)
            while (said := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"
            assert serving.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_port_in_use_stops_the_start_with_a_sentence(db: Database, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.port)):
        command = [sys.executable, "-m", "newsletter", "serve"]
        result = subprocess.run(
            command, env=environment_of(settings), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert result.returncode == 1
    assert "nothing can listen there" in result.stderr
    assert "Traceback" not in result.stderr
