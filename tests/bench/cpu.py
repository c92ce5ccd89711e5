"""What processes cost."""

from __future__ import annotations

from collections import defaultdict

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
