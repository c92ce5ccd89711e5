"""A total deadline for a conversation over a socket.

A socket's time-out applies to each read alone: a server that drips kept a 1 s time-out busy for 27 s (measured). So a
thread of its own watches the clock, and shuts the socket when the time is over. A read or write then sees a closed
connection.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from newsletter.core import shutdown

LOOK = 0.5
"""Seconds between two looks at the request to stop."""


class Deadline:
    """A context that lasts for `seconds`, or for less when the process is asked to stop.

    It cannot end a look-up in the DNS: that ends by itself, so ask `passed` before anything is sent.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._find: Callable[[], socket.socket | None] = lambda: None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def remaining(self) -> float:
        """Seconds that are left; not under 0.001, since a socket takes 0 for "do not wait"."""
        return max(min(self._end, shutdown.deadline()) - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= min(self._end, shutdown.deadline())

    def watch(self, find: Callable[[], socket.socket | None]) -> None:
        """Shut the socket that `find` returns when the time is over. It is called then: TLS replaces the socket."""
        self._find = find

    def __enter__(self) -> Deadline:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(min(self.remaining(), LOOK)):
            if not self.passed:
                continue
            found = self._find()
            if found is not None:
                with suppress(OSError):
                    # Not SSLSocket's own shutdown: it would take the TLS state away from under the other thread.
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
            # Again and again: a connection that comes up late is shut too.
            if self._done.wait(0.05):
                return
