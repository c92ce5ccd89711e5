"""Processes that each keep to one CPU."""

from __future__ import annotations

import os
import sys
from collections import Counter
from threading import Thread

import pytest

from newsletter.core import one_cpu

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to a CPU")


@linux
def test_processes_are_spread_over_the_cpus_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3, 5, 8})
    assert set(one_cpu.choose(3)) == {3, 5, 8}
    assert sorted(Counter(one_cpu.choose(7)).values()) == [2, 2, 3]
    assert {one_cpu.choose(1)[0] for _ in range(200)} == {3, 5, 8}, "other services do not all choose the same"


def test_elsewhere_none_is_chosen_or_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert one_cpu.choose(2) == [None, None]
    one_cpu.keep_to(0)


@linux
def test_a_thread_and_those_that_it_starts_keep_to_the_cpu() -> None:
    (cpu,) = one_cpu.choose(1)
    found: list[set[int]] = []

    def look() -> None:
        found.append(os.sched_getaffinity(0))

    def keep() -> None:
        one_cpu.keep_to(cpu)
        look()
        started = Thread(target=look)
        started.start()
        started.join()

    before = os.sched_getaffinity(0)
    thread = Thread(target=keep)
    thread.start()
    thread.join()
    assert found == [{cpu}, {cpu}]
    assert os.sched_getaffinity(0) == before


@linux
def test_a_cpu_that_is_gone_changes_nothing() -> None:
    before = os.sched_getaffinity(0)
    one_cpu.keep_to(1023)
    assert os.sched_getaffinity(0) == before
