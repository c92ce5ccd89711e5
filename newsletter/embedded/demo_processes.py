"""The demo's processes, settings and data folder: never real mail, never a real database."""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from redis.exceptions import RedisError

from newsletter.core.config import Settings, read_setting
from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.core.queue import Queues
from newsletter.embedded.supervisor import Supervisor

WORKERS = 2
"""Processes that send digests."""
READY_WITHIN = 120.0
"""Seconds. A second is usual; a busy machine that loads everything for the first time took 40."""
POSTAL_ADDRESS = "Dispatch (demo), 1 Example Street, 10115 Berlin, Germany"
PEOPLE = "Mara Weiss: editor in chief; Noor Haddad: editor; Aiko Nakamura: author"
"""The people of the demo's desk; two of them stand at a story."""
MARKER = "demo"
"""A file of this name in DATA_DIR says that everything there is the demo's."""


def prepare_environment() -> dict[str, str]:
    """The settings that the demo fixes, whatever is set outside: its mail stays in a maildir, its data in DATA_DIR."""
    data_dir: Path = read_setting("data_dir").absolute()
    port = str(read_setting("port"))
    fixed = {
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": "",
        "MAIL_TRANSPORT": "maildir",
        "HOST": "127.0.0.1",
        "WORKER_CONCURRENCY": str(WORKERS),
        "PORT": port,
        "MAILDIR": str(data_dir / "mail"),
    }
    defaults = {
        "MAIL_POSTAL_ADDRESS": POSTAL_ADDRESS,
        "PEOPLE": PEOPLE,
        "PUBLIC_URL": f"http://localhost:{port}",
    }
    is_given = {name for name in defaults if os.environ.get(name) or os.environ.get(f"{name}_FILE")}
    not_from_files = {f"{name}_FILE": "" for name in fixed}
    return fixed | not_from_files | {name: value for name, value in defaults.items() if name not in is_given}


def claim_data_dir(settings: Settings) -> None:
    """Raise ConfigurationError when DATA_DIR holds a database that is not the demo's."""
    marker = settings.data_dir / MARKER
    if (settings.data_dir / "newsletter.sqlite3").exists() and not marker.exists():
        raise ConfigurationError(
            "demo.data_is_not_demo", "%(folder)s holds data that is not the demo's.", folder=settings.data_dir
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    marker.write_text("Made by `newsletter demo`; this folder can be deleted.\n")


def check_port(port: int) -> None:
    """Raise ConfigurationError when another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                "demo.port_in_use", "Port %(port)s is in use by another program.", port=port, next_port=port % 65535 + 1
            ) from error


def start(supervisor: Supervisor) -> None:
    """Start the whole service, as it runs on one machine."""
    supervisor.start_command("serve", "serve")


def wait_until_ready(supervisor: Supervisor, settings: Settings) -> None:
    """Return when site, queue and workers answer. Raises NewsletterError when they do not."""
    end = time.monotonic() + READY_WITHIN
    while not (_site_answers(settings.port) and _workers_listen(settings)):
        supervisor.keep()
        if time.monotonic() > end:
            raise NewsletterError(
                "demo.not_started",
                "The processes did not start within %(seconds)s s; their logs are in %(folder)s.",
                seconds=f"{READY_WITHIN:.0f}",
                folder=supervisor.logs,
            )
        time.sleep(0.05)


def _site_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _workers_listen(settings: Settings) -> bool:
    try:
        return Queues(settings.redis_url).workers() >= WORKERS
    except RedisError:
        return False
