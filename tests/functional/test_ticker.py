"""The clock ticks in a process beside it, which ends when nothing is due and is replaced when it dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workers.ticker import Ticker, TickError


@pytest.fixture
def ticker(tmp_path: Path) -> Iterator[Ticker]:
    """Its ticks note their process; `busy` and `fail` in the folder say how one ends."""

    def tick(first: bool) -> bool:
        with (tmp_path / "ticks").open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {first}\n")
        if (tmp_path / "fail").exists():
            raise OSError("no disk")
        return (tmp_path / "busy").exists()

    found = Ticker(tick, close=(tmp_path / "closed").touch, log_error=lambda _: (tmp_path / "logged").touch())
    yield found
    found.rest()


def ticks(folder: Path) -> list[tuple[int, bool]]:
    lines = (folder / "ticks").read_text().splitlines()
    return [(int(pid), first == "True") for pid, first in map(str.split, lines)]


def test_one_process_makes_all_ticks_until_it_rests(ticker: Ticker, tmp_path: Path) -> None:
    (tmp_path / "busy").touch()
    assert ticker.tick(first=True)
    (tmp_path / "busy").unlink()
    assert not ticker.tick(first=False)
    ((pid, was_first), (other, is_first)) = ticks(tmp_path)
    assert pid == other != os.getpid()
    assert (was_first, is_first) == (True, False)
    assert (tmp_path / "closed").exists()
    ticker.rest()
    assert not psutil.pid_exists(pid)
    ticker.tick(first=False)
    assert ticks(tmp_path)[-1][0] != pid


def test_a_tick_that_fails_or_dies_is_told(ticker: Ticker, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(TickError):
        ticker.tick(first=True)
    assert (tmp_path / "logged").exists()
    (tmp_path / "fail").unlink()
    assert not ticker.tick(first=True)
    os.kill(ticks(tmp_path)[-1][0], signal.SIGKILL)
    with pytest.raises(TickError):
        ticker.tick(first=False)
    assert not ticker.tick(first=False)
