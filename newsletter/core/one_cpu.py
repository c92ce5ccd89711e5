"""Keeping a process to one CPU.

The threads of a Python process take turns. While another CPU is idle, each next one wakes there, and that takes longer
than much of the work: sign-ups are half as fast again on one CPU (docs/decisions/0024). More CPUs are for more
processes.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import suppress


def choose(count: int) -> list[int | None]:
    """A CPU for each of so many processes: of those that this one may use, each in turn, in random order, so that
    other services on the machine which do the same seldom share one. None where the system cannot keep a process to a
    CPU.
    """
    if sys.platform != "linux":
        return [None] * count
    cpus = list(os.sched_getaffinity(0))
    random.shuffle(cpus)
    return [cpus[number % len(cpus)] for number in range(count)]


def keep_to(cpu: int | None) -> None:
    """Keep this thread, and all that it starts from now on, to a CPU."""
    if sys.platform == "linux" and cpu is not None:
        with suppress(OSError):  # it was taken away since, or a sandbox forbids it: then any CPU is as good
            os.sched_setaffinity(0, {cpu})
