"""The real processes of the service, started as `newsletter` commands on a database of the test's choice."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil

from newsletter.core.config import SECONDS_OF_RATE_UNIT, RateLimit, Settings, declared_settings
from newsletter.core.queue_socket import socket_path
from newsletter.embedded.supervisor import Supervisor
from tests.services.patience import PATIENCE

_UNITS = {seconds: unit for unit, seconds in SECONDS_OF_RATE_UNIT.items()}


class RunningService:
    """Clock and workers with the settings of a test; what dies is started again by `until`.

    `workers` send digests, and one more process sends readers' mails.
    """

    def __init__(self, settings: Settings, *, workers: int = 2) -> None:
        self.settings = settings
        self.supervisor = Supervisor(environment_of(settings), settings.data_dir / "log")
        self.workers = workers

    def __enter__(self) -> RunningService:
        self.supervisor.start_command("clock", "clock")
        for number in range(self.workers):
            self.supervisor.start_command(f"worker-{number}", "worker", "--only", "digests")
        self.supervisor.start_command("mails", "worker", "--only", "mails")
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()

    def start_web(self) -> None:
        """Start the site as the Procfile does; returns when it answers."""
        self.supervisor.start_command("web", "web")
        self.until(lambda: _listens(self.settings.port), "the start of the web server")

    def until(self, condition: Callable[[], bool], what: str, *, pause: float = 0.02) -> None:
        """Keep the processes alive until `condition` holds; `pause`: seconds between two looks."""
        end = time.monotonic() + PATIENCE
        while not condition():
            self.supervisor.keep()
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s:\n{self.logs()}")
            time.sleep(pause)

    def kill(self, name: str, *, child: bool = False) -> bool:
        """kill -9 a process of this service, or with `child` its fork; False when there is none at the moment."""
        try:
            process = self.process(name)
            if child:
                (process,) = process.children()
            process.send_signal(signal.SIGKILL)
        except (psutil.NoSuchProcess, ValueError):
            return False
        return True

    def process(self, name: str) -> psutil.Process:
        """The present process of this name. Raises psutil.NoSuchProcess when there is none at the moment."""
        (found,) = (each for each in self.supervisor.children if each.name == name)
        return psutil.Process(found.process.pid)

    def logs(self) -> str:
        return "\n".join(f"{path.name}:\n{path.read_text()}" for path in Path(self.supervisor.logs).glob("*.log"))


def on_one_machine(settings: Settings, *, with_site: bool = False) -> Settings:
    """The settings of a service whose clock runs the queue; `with_site` takes a port of its own."""
    settings = replace(settings, redis_url=f"unix://{socket_path(settings.data_dir)}", redis_is_embedded=True)
    if not with_site:
        return settings
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return replace(settings, port=port, public_url=f"http://127.0.0.1:{port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a process these settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    values = {name: getattr(settings, name) for name in declared_settings()}
    # A default may be a value that nobody could set, such as the day of a digest that has none.
    given = {name.upper(): _as_text(value) for name, value in values.items() if value != getattr(Settings(), name)}
    return kept | given | ({"REDIS_URL": ""} if settings.redis_is_embedded else {})


def _as_text(value: object) -> str:
    """The value of a setting as it is typed."""
    if isinstance(value, RateLimit):
        return f"{value.most}/{_UNITS[value.seconds]}"
    if isinstance(value, tuple):
        return ",".join(map(_as_text, value))
    if value is None:
        return ""
    return f"{value.total_seconds():.0f}s" if isinstance(value, timedelta) else str(value)
