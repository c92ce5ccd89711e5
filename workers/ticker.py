"""Ticks in a process beside the clock's, which ends when nothing is due any more.

A tick reaches into most of what a clock shares with the other processes, and takes 10 MB of it (measured). An idle
clock ticks once a minute, so the memory goes back with the process. While something is sent, one process makes all
ticks.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable

from newsletter.core.errors import NewsletterError
from newsletter.core.parent_death import die_with_parent

log = logging.getLogger(__name__)

FIRST, NEXT = b"f", b"n"
"""The questions of the clock: its first tick, or another one."""
QUIET, BUSY, FAILED = b"q", b"b", b"x"
"""The answers: whether there is more to do now."""


class TickError(NewsletterError):
    """A tick failed, and its process said why; or that process died."""


class Ticker:
    """Makes ticks: `tick` takes whether it is the clock's first, and says whether there is more to do now.

    `close` closes the connections of this process before a fork. `log_error` logs what a tick raises.
    """

    def __init__(
        self, tick: Callable[[bool], bool], close: Callable[[], None], log_error: Callable[[Exception], None]
    ) -> None:
        self._make_tick, self._close, self._log_error = tick, close, log_error
        self._child: tuple[int, socket.socket] | None = None

    def tick(self, *, first: bool) -> bool:
        """Have one tick made; whether there is more to do now. Raises TickError."""
        _, line = self._child = self._child or self._fork()
        try:
            line.sendall(FIRST if first else NEXT)
            answer = line.recv(1)
        except OSError:
            answer = b""
        if answer not in (QUIET, BUSY):
            if not answer:
                self.rest()
            raise TickError("clock.tick_failed", "The tick failed.")
        return answer == BUSY

    def rest(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            pid, line = self._child
            self._child = None
            line.close()
            os.waitpid(pid, 0)

    def _fork(self) -> tuple[int, socket.socket]:
        self._close()
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._serve(theirs)
        theirs.close()
        return pid, ours

    def _serve(self, line: socket.socket) -> None:
        """The other process's life."""
        try:
            die_with_parent()
            signal.set_wakeup_fd(-1)  # it is the clock's
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, signal.SIG_IGN)  # the clock ends it
            while asked := line.recv(1):
                line.sendall(self._answer(first=asked == FIRST))
        finally:
            logging.shutdown()
            os._exit(0)

    def _answer(self, *, first: bool) -> bytes:
        try:
            return BUSY if self._make_tick(first) else QUIET
        except Exception as error:  # noqa: BLE001 - whatever it is, the clock asks again
            self._log_error(error)
            return FAILED
