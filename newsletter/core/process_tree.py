"""A few forked processes under one parent: what ends is started again, and all end together, in order.

The parent loads the application once and forks; the children share that memory until they write to it. The parent
opens nothing (no database, no queue, no thread) and does nothing but wait for signals.

A child that has a signal of its own (`start_signal`) may rest: it ends with the code RESTS when it had nothing to do
for a while, which gives its memory back, and is forked again once a process of the tree calls `request_start`.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from newsletter.core import memory, systemd
from newsletter.core.parent_death import die_with_parent

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
"""Seconds before a child that ended is started again; the pause doubles with each end in a row."""
STEADY_AFTER = 30.0
"""Seconds after which a child's next end counts as the first in a row."""
STOP_WITHIN = 10.0
"""Seconds that children get to end by themselves after SIGTERM."""

RESTS = 75
"""The exit code of a child that has nothing to do."""
REQUESTED_LATELY = 5.0
"""Seconds. A child that was wanted so shortly before it rested is started at once: it may have missed what came."""
_REQUEST_EVERY = 1.0
"""Seconds between two requests of one process. It is less than REQUESTED_LATELY, so that none gets lost."""

_START_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, *_START_SIGNALS)

_tree: int | None = None
"""The parent of the tree that this process belongs to."""
_last_requests: dict[signal.Signals, float] = {}


def request_start(signum: signal.Signals) -> None:
    """Have the tree of this process start the children of this signal, if they rest. Does nothing elsewhere."""
    now = time.monotonic()
    if _tree is None or now - _last_requests.get(signum, 0.0) < _REQUEST_EVERY:
        return
    _last_requests[signum] = now
    with suppress(ProcessLookupError):
        os.kill(_tree, signum)


@dataclass
class ForkedChild:
    """A process: its name, what it runs, and when it is stopped: those with a higher `stop_order` end later.

    `start_signal`: SIGUSR1 or SIGUSR2 for a child that may rest.
    """

    name: str
    run: Callable[[], None]
    stop_order: int = 0
    start_signal: signal.Signals | None = None
    pid: int | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    starts_again_at: float | None = field(default=None, init=False)
    pause: float = field(default=FIRST_PAUSE, init=False)
    requested_at: float = field(default=0.0, init=False)

    @property
    def rests(self) -> bool:
        return self.pid is None and self.starts_again_at is None


class ProcessTree:
    """Runs children until SIGTERM, SIGINT or SIGHUP.

    All that they need is loaded before the first is forked: else that one keeps each page that the parent writes to
    later (4 MB, measured).
    """

    def __init__(self, children: Sequence[ForkedChild]) -> None:
        self.children = children

    def run(self) -> None:
        """Return when all have ended after a signal."""
        # Blocked and waited for: no handler runs at a bad moment, and none is missed between two looks.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        memory.fill_gaps()
        for child in self.children:
            self._start(child)
        systemd.notify("READY=1")
        while True:
            received = signal.sigtimedwait(_SIGNALS, self._until_next())
            systemd.notify("WATCHDOG=1")
            if received is not None and received.si_signo in _START_SIGNALS:
                self._start_resting(received.si_signo)
            elif received is not None and received.si_signo != signal.SIGCHLD:
                break
            self._reap()
            self._start_what_is_due()
        systemd.notify("STOPPING=1")
        self._stop()

    def _until_next(self) -> float:
        """Seconds to sleep at most: until a child is started again, or systemd's watchdog wants a sign of life."""
        due = [child.starts_again_at for child in self.children if child.starts_again_at is not None]
        restart = max(min(due) - time.monotonic(), 0.0) if due else 3600.0
        return min(restart, systemd.watchdog_interval())

    def _start(self, child: ForkedChild) -> None:
        child.starts_again_at = None
        child.started_at = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # a collection in the child would write to all that it shares
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(child, parent)
        child.pid = pid
        log.info("%s is process %d", child.name, pid)

    def _become(self, child: ForkedChild, parent: int) -> None:
        """The child's life, after the fork."""
        code = 1
        try:
            _belong_to(parent)
            die_with_parent()
            for name in _SIGNALS:
                signal.signal(name, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            random.seed()  # or all children would draw the same pauses
            child.run()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            log.exception("%s ended by an error", child.name)
        finally:
            logging.shutdown()
            os._exit(code)

    def _reap(self) -> None:
        """Note which children have ended, and when they start again."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = next((child for child in self.children if child.pid == pid), None)
            if child is not None:
                self._note_end(child, status)

    def _note_end(self, child: ForkedChild, status: int) -> None:
        now = time.monotonic()
        child.pid = None
        code = os.waitstatus_to_exitcode(status)
        if child.start_signal is not None and code == RESTS:
            child.starts_again_at = now if now - child.requested_at < REQUESTED_LATELY else None
            return
        child.pause = FIRST_PAUSE if now - child.started_at > STEADY_AFTER else min(child.pause * 2, LONGEST_PAUSE)
        child.starts_again_at = now + child.pause
        log.warning("%s ended (%d); it is started again in %.1f s", child.name, code, child.pause)

    def _start_resting(self, signum: int) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.start_signal == signum:
                child.requested_at = now
                if child.rests:
                    child.starts_again_at = now

    def _start_what_is_due(self) -> None:
        for child in self.children:
            if child.starts_again_at is not None and child.starts_again_at <= time.monotonic():
                self._start(child)

    def _stop(self) -> None:
        """End all, group after group; what does not end in time is killed."""
        end = time.monotonic() + STOP_WITHIN
        for order in sorted({child.stop_order for child in self.children}):
            group = [child for child in self.children if child.stop_order == order and child.pid is not None]
            for child in group:
                _kill(child, signal.SIGTERM)
            while any(child.pid is not None for child in group):
                if signal.sigtimedwait((signal.SIGCHLD,), max(end - time.monotonic(), 0.0)) is None:
                    for child in group:
                        _kill(child, signal.SIGKILL)
                    end = time.monotonic() + 1.0
                self._reap_stopped()

    def _reap_stopped(self) -> None:
        for child in self.children:
            if child.pid is not None and os.waitpid(child.pid, os.WNOHANG)[0]:
                child.pid = None


def _belong_to(parent: int) -> None:
    """In a child: which process `request_start` tells, also in the child's own forks."""
    global _tree  # noqa: PLW0603 - one process, one tree
    _tree = parent
    _last_requests.clear()


def _kill(child: ForkedChild, signum: signal.Signals) -> None:
    if child.pid is not None:
        os.kill(child.pid, signum)
