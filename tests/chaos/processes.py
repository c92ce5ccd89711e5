"""Everything that runs: two clocks with their queue, workers, the web server, the database; and how each is killed."""

from __future__ import annotations

import re
import signal
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import replace

import psutil

from newsletter.core.config import Settings
from tests.services.processes import RunningService, queues_of

_NAMED = re.compile(r"process_tree: (.+) is process (\d+)$", re.MULTILINE)


class ChaosService(RunningService):
    """A service with a second clock, which stands by, and a web server.

    On SQLite it is one process tree, `newsletter serve`; on PostgreSQL every process is started by itself.
    """

    def __init__(self, settings: Settings, *, workers: int) -> None:
        super().__init__(replace(settings, worker_concurrency=workers), workers=workers)
        self.is_tree = settings.database_url.startswith("sqlite")
        self.kills = 0
        """Workers, or their children, that were killed: each may have had one message in flight."""
        self._frozen: list[psutil.Process] = []

    def __enter__(self) -> ChaosService:
        if self.is_tree:
            self.supervisor.start_command("serve", "serve")
        else:
            super().__enter__()
            self.supervisor.start_command("web", "web")
        self.supervisor.start_command("clock-2", "clock")
        return self

    def process(self, name: str) -> psutil.Process:
        """The process of this name; in a tree, as its log names it."""
        if not self.is_tree or name in ("serve", "clock-2"):
            return super().process(name)
        named = dict(_NAMED.findall((self.supervisor.logs / "serve.log").read_text()))
        if (pid := named.get(self._name_in_tree(name))) is None:
            raise psutil.NoSuchProcess(0)
        found = psutil.Process(int(pid))
        if found.ppid() != super().process("serve").pid:  # it has ended, and its number is another's
            raise psutil.NoSuchProcess(int(pid))
        return found

    def _name_in_tree(self, name: str) -> str:
        kind, _, number = name.partition("-")
        return f"worker {int(number) + 2} (digests)" if kind == "worker" else {"web": "web 1"}.get(name, name)

    def kill_all(self) -> None:
        """Kill every process, as a loss of power does."""
        for name in self.worker_names:
            self.kill_worker(name, child=False)
        for child in self.supervisor.children:
            if child.name not in self.worker_names:
                self.kill(child.name)

    def kill_tree(self) -> bool:
        """Kill the parent of the tree, and with it all of its processes; False where there is no tree."""
        if not self.is_tree:
            return False
        self.kills += self.workers
        return self.kill("serve")

    def __exit__(self, *_: object) -> None:
        self.thaw()
        super().__exit__()

    @property
    def worker_names(self) -> list[str]:
        return [f"worker-{number}" for number in range(self.workers)]

    def is_at_work(self, name: str) -> bool:
        """Whether the worker has forked a child for a job."""
        with suppress(psutil.NoSuchProcess):
            return bool(self.process(name).children())
        return False

    def kill_worker(self, name: str, *, child: bool) -> bool:
        """False when there is none just now."""
        done = self.kill(name, child=child)
        self.kills += done
        return done

    def ask_to_stop(self, name: str) -> bool:
        """SIGTERM, as an operator or a new release does."""
        with suppress(psutil.NoSuchProcess):
            self.process(name).terminate()
            return True
        return False

    def kill_queue(self) -> bool:
        found = self._queue()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return bool(found)

    def freeze_queue(self) -> bool:
        """Valkey hangs; `thaw` lets it go on."""
        found = self._queue()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                self._frozen.append(process)
        return bool(found)

    def fill_disk(self, name: str) -> bool:
        """Let a worker's child write nothing any more; its successors can."""
        with suppress(psutil.NoSuchProcess, ValueError):
            (child,) = self.process(name).children()
            child.rlimit(psutil.RLIMIT_FSIZE, (0, -1))
            self.kills += 1  # one answer can be known to it alone
            return True
        return False

    def _queue(self) -> list[psutil.Process]:
        """Valkey is the child of one of the clocks."""
        found: list[psutil.Process] = []
        for name in ("clock", "clock-2"):
            with suppress(psutil.NoSuchProcess):
                found += queues_of(self.process(name))
        return found

    def freeze(self, name: str) -> bool:
        """Stop a worker's child in its tracks, as a host does that runs out of breath; `thaw` lets it go on."""
        with suppress(psutil.NoSuchProcess, ValueError):
            (child,) = self.process(name).children()
            child.send_signal(signal.SIGSTOP)
            self._frozen.append(child)
            self.kills += 1
            return True
        return False

    def thaw(self) -> None:
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._frozen = []

    def site_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
