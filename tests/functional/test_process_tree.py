"""A tree of forked processes: what dies is started again, all end together, and no child outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest

from newsletter.core import process_tree
from newsletter.core.process_tree import ForkedChild, ProcessTree
from tests.services.patience import PATIENCE, until


def _note(folder: Path, name: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")


def _live(folder: Path, name: str) -> Callable[[], None]:
    def run() -> None:
        _note(folder, name)

        def end(_signum: int, _frame: object) -> None:
            _note(folder, f"{name}.ended")
            os._exit(0)

        signal.signal(signal.SIGTERM, end)
        while True:
            time.sleep(60)

    return run


def _fail(folder: Path) -> None:
    _note(folder, "failing")
    raise RuntimeError("it cannot start")


def _run(folder: Path) -> None:
    process_tree.FIRST_PAUSE = 0.05
    ProcessTree(
        [
            ForkedChild("queue", _live(folder, "queue"), stop_order=1),
            ForkedChild("worker", _live(folder, "worker")),
            ForkedChild("failing", lambda: _fail(folder)),
        ]
    ).run()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[BaseProcess]:
    process = multiprocessing.get_context("fork").Process(target=_run, args=(tmp_path,))
    process.start()
    yield process
    process.kill()
    process.join()


def pids(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_killed_child_comes_back_and_the_others_live_on(tree: BaseProcess, tmp_path: Path) -> None:
    until(lambda: bool(pids(tmp_path, "worker") and pids(tmp_path, "queue")))
    os.kill(pids(tmp_path, "worker")[0], signal.SIGKILL)
    until(lambda: len(pids(tmp_path, "worker")) == 2)
    assert len(pids(tmp_path, "queue")) == 1


def test_a_child_that_cannot_start_waits_longer_each_time(tree: BaseProcess, tmp_path: Path) -> None:
    until(lambda: len(pids(tmp_path, "failing")) == 4)
    begun = (tmp_path / "failing").stat().st_mtime
    time.sleep(0.3)
    assert (tmp_path / "failing").stat().st_mtime == begun, "the fourth pause is 0.8 s"


def test_all_end_on_sigterm_and_the_queue_last(tree: BaseProcess, tmp_path: Path) -> None:
    until(lambda: bool(pids(tmp_path, "worker") and pids(tmp_path, "queue")))
    tree.terminate()
    tree.join(PATIENCE)
    assert tree.exitcode == 0
    assert (tmp_path / "worker.ended").stat().st_mtime_ns < (tmp_path / "queue.ended").stat().st_mtime_ns


def test_no_child_outlives_a_killed_parent(tree: BaseProcess, tmp_path: Path) -> None:
    until(lambda: bool(pids(tmp_path, "worker") and pids(tmp_path, "queue")))
    tree.kill()
    tree.join(PATIENCE)
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids(tmp_path, "worker") + pids(tmp_path, "queue")))
