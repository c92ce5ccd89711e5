"""The request to this process to stop. Work ends at the next safe point, and a conversation with a provider in time.

A signal handler may come at any instruction, so `request` takes no lock: it sets a flag and writes into a pipe, on
which `wait` sleeps. (An Event that is set while the same thread waits on it can hang for ever.)
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import NamedTuple

WITHIN = 3.0
"""Seconds that a conversation with a provider gets after the request."""
AT_LAST = 4.7
"""Seconds after the request at which `end_in_time` ends the process."""

_STOP = frozenset((signal.SIGTERM, signal.SIGINT))

_requested = False
_end = float("inf")


class _Pipe(NamedTuple):
    pid: int
    """A forked process makes its own: else it would wake its parent."""
    read: int
    write: int


_pipe: _Pipe | None = None


def request() -> None:
    """Ask the work in this process to stop (from a signal handler)."""
    global _end, _requested  # noqa: PLW0603 - one process, one end
    _end = min(_end, time.monotonic() + WITHIN)
    _requested = True
    if _pipe is not None and _pipe.pid == os.getpid():
        with suppress(OSError):  # it is full: whoever waits wakes up anyway
            os.write(_pipe.write, b".")


def requested() -> bool:
    """Whether the request has come."""
    return _requested


def deadline() -> float:
    """The moment, by the monotonic clock, at which every conversation must be over; infinite without a request."""
    return _end


def wait(seconds: float) -> bool:
    """Sleep until the request at most; True when it has come."""
    pipe = _own_pipe()
    if not requested():
        select.select([pipe.read], [], [], max(seconds, 0.0))
    return requested()


def readable() -> int:
    """A file descriptor that can be read from once the request has come, for a `select` with others."""
    return _own_pipe().read


def end_in_time(seconds: float = AT_LAST) -> None:
    """End the process `seconds` after a request, even if it hangs, as it does while a database is silent.

    Call it once in each process, in its main thread. A killed process leaves nothing half done: answers are in the
    ledger or in a file, and batches are taken back.
    """
    _own_pipe()
    # The handler of a signal runs in the main thread, once that is back in Python: SQLite's wait for a lock is not.
    signals, wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(signals, seconds), name="shutdown", daemon=True).start()


def _watch(signals: int, seconds: float) -> None:
    pipe = _own_pipe()
    while not requested():
        ready, _, _ = select.select([pipe.read, signals], [], [])
        if signals in ready and _STOP.intersection(os.read(signals, 4096)):
            request()
    time.sleep(max(_end - WITHIN + seconds - time.monotonic(), 0.0))
    os._exit(1)


def _own_pipe() -> _Pipe:
    global _pipe  # noqa: PLW0603
    if _pipe is None or _pipe.pid != os.getpid():
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _pipe = _Pipe(os.getpid(), read, write)
    return _pipe
