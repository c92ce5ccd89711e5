"""A machine with little memory and one core, for commands of a test.

Linux's control groups hold the memory where a test may make one (as root, mostly). Else the memory of all processes is
only watched: `peak` says what they had together.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_ENTER = """
import os, sys
group, core, *command = sys.argv[1:]
if group:
    with open(group, "w") as file:
        file.write(str(os.getpid()))
os.sched_setaffinity(0, {int(core)})
os.execv(command[0], command)
"""


class SmallMachine:
    """`start` runs commands inside; no more than `memory` bytes are theirs together."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._group = _new_group(memory)
        self._core = min(os.sched_getaffinity(0))
        self._started: list[subprocess.Popen[bytes]] = []
        self._seen = 0

    def __enter__(self) -> SmallMachine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()
            process.wait()
        if self._group:
            while (self._group / "cgroup.procs").read_text():  # children end with their parents, a moment later
                time.sleep(0.02)
            self._group.rmdir()

    def start(self, command: list[str], environment: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Run a command of Python's arguments; it ends with the machine at the latest."""
        group = str(self._group / "cgroup.procs") if self._group else ""
        entered = [sys.executable, "-c", _ENTER, group, str(self._core), sys.executable, *command]
        process = subprocess.Popen(entered, env=environment, stdout=output, stderr=subprocess.STDOUT)
        self._started.append(process)
        return process

    def peak(self) -> int:
        """Bytes that all processes had at most: by the kernel's count, else in the looks so far."""
        if self._group:
            name = (
                "memory.max_usage_in_bytes" if (self._group / "memory.max_usage_in_bytes").exists() else "memory.peak"
            )
            return int((self._group / name).read_text())
        running = [psutil.Process(each.pid) for each in self._started if each.poll() is None]
        everyone = [process for parent in running for process in (parent, *parent.children(recursive=True))]
        self._seen = max(self._seen, sum(_own_memory(process) for process in everyone))
        return self._seen

    def kills(self) -> int:
        """How often the kernel ended a process because memory ran out."""
        if not self._group:
            return 0
        name = "memory.oom_control" if (self._group / "memory.oom_control").exists() else "memory.events"
        counts = dict(line.split() for line in (self._group / name).read_text().splitlines())
        return int(counts.get("oom_kill", 0))


def _new_group(memory: int) -> Path | None:
    """A control group with that limit; None where none may be made."""
    name = f"newsletter-test-{uuid.uuid4().hex[:8]}"
    for parent, limit in ((_GROUPS / "memory", "memory.limit_in_bytes"), (_GROUPS, "memory.max")):
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(memory))
        except OSError:
            group.rmdir()
        else:
            return group
    return None


def _own_memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
