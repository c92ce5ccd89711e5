"""The cost of processes: CPU and memory."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import psutil

from newsletter.embedded.supervisor import Supervisor


def cpu_of(supervisor: Supervisor) -> dict[str, float]:
    """CPU seconds so far of each kind of child (web, worker, clock), its own children included."""
    spent: dict[str, float] = defaultdict(float)
    for child in supervisor.children:
        process = psutil.Process(child.process.pid)
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            spent[child.name.partition("-")[0]] += times.user + times.system
            spent[child.name.partition("-")[0]] += times.children_user + times.children_system
    return spent


def cpu_of_descendants() -> float:
    """CPU seconds so far of all processes that this one and its children started, to the nanosecond, all threads."""
    spent = 0
    for process in psutil.Process().children(recursive=True):
        for task in Path(f"/proc/{process.pid}/task").glob("*"):
            try:
                spent += int((task / "schedstat").read_text().split()[0])
            except OSError:  # it has just ended
                continue
    return spent / 1e9


def cpu_of_servers() -> float:
    """CPU seconds so far of the PostgreSQL that this process started, its ended connections included."""
    spent = 0.0
    for server in psutil.Process().children():
        if server.name() == "postgres":
            times = server.cpu_times()
            spent += times.children_user + times.children_system
            spent += sum(sum(each.cpu_times()[:2]) for each in (server, *server.children(recursive=True)))
    return spent


def peak_memory(pid: int | str = "self") -> float:
    """The most memory in MB that the program in a process has had resident so far; 0 when it has ended.

    Not getrusage's: that counts what the process had before exec, which is its parent's memory.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
