"""A few child processes, kept alive: a dead one is started again, and all end together."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.core.parent_death import die_with_parent

log = logging.getLogger(__name__)

RESTART_AFTER = 1.0
"""The least number of seconds between two starts of a child, so that one that cannot start does not spin."""
STOP_WITHIN = 12.0
"""Seconds in which children may end by themselves; `newsletter serve` takes ten of them for its own, at worst."""


@dataclass
class Child:
    """One child: its command, and its present process."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    started: float


class Supervisor:
    """Starts children with one environment; their output goes to one file each in `logs`."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self.environment = dict(environment)
        self.logs = logs
        self.children: list[Child] = []

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a child and keep it running until `stop`."""
        self.children.append(Child(name, command, self._spawn(name, command), time.monotonic()))

    def start_command(self, name: str, *args: str) -> None:
        """Start a `newsletter` command as a child."""
        self.start(name, [sys.executable, "-m", "newsletter", *args])

    def keep(self) -> None:
        """Start ended children again; call it every now and then."""
        for child in self.children:
            ended = child.process.poll()
            if ended is None or time.monotonic() - child.started < RESTART_AFTER:
                continue
            log.warning("%s ended (%s) and is started again; see %s", child.name, ended, self._log(child.name))
            child.process = self._spawn(child.name, child.command)
            child.started = time.monotonic()

    def stop(self) -> None:
        """End all children. The first one, which the others need, ends last."""
        end = time.monotonic() + STOP_WITHIN
        first, others = self.children[:1], self.children[1:]
        for group in (others, first):
            for child in group:
                child.process.terminate()
            for child in group:
                try:
                    child.process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self.children = []

    def _spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as output:
            return subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C reaches the parent alone, which ends the children in order.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the parent has one thread
            )

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"
