"""The clock: it starts what is due. On a single machine it also runs the embedded queue.

It sleeps until the next thing is due, and looks at once when it is signalled that something was scheduled or changed
(`core.clock_signal`). While something is sent it ticks each second.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from functools import cache
from types import FrameType
from typing import Protocol

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from newsletter.core import shutdown
from newsletter.core.clock_signal import ClockSignal
from newsletter.core.errors import NewsletterError
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger.claims import lease_seconds
from newsletter.delivery.ledger.lease_watch import LeaseWatch
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.mail.transports import open_transport
from newsletter.operations.next_due import seconds_until_due
from newsletter.operations.tick import tick
from workers.ticker import Ticker, TickError

log = logging.getLogger(__name__)

WHILE_BUSY = 1.0
"""Seconds between two ticks while something is sent, and between two looks while the queue is away: then no signal
comes."""
LOOK_EVERY = 5.0
"""Seconds between two looks at what is due: a lost signal delays something by no more."""
TICK_EVERY = 60.0
"""Seconds between two ticks when nothing is due: some work, such as the hourly deletions, has no time of its own."""
LEASE_MS = 10_000
"""How long after the last look of one clock a standby takes over."""
LEASE_KEY = "newsletter:clock"


def prepare(runtime: Runtime) -> None:
    """Before the forks: compile what an idle clock asks. Done later, that takes 4 MB of what processes share."""
    with runtime.db.bare() as connection:
        seconds_until_due(connection)
    runtime.db.dispose()  # no connection crosses a fork


def run(runtime: Runtime) -> None:
    """Run until SIGTERM or SIGINT."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)
    shutdown.end_in_time()
    valkey = EmbeddedValkey(runtime.settings.data_dir) if runtime.settings.redis_is_embedded else None

    @cache  # in the process that ticks
    def watch() -> LeaseWatch:
        return LeaseWatch(lease_seconds(open_transport(runtime.settings)))

    ticker = Ticker(lambda first: tick(runtime, first=first, watch=watch()), runtime.db.dispose, _log_failure)
    clock = Clock(runtime, ticker, valkey)
    try:
        while not shutdown.requested():
            clock.sleep(clock.look())
    finally:
        ticker.rest()
        if valkey:
            valkey.stop()


class Ticks(Protocol):
    """Makes ticks: see `Ticker`."""

    def tick(self, *, first: bool) -> bool: ...

    def rest(self) -> None: ...


class Clock:
    """A clock, and what it remembers between two looks."""

    def __init__(self, runtime: Runtime, ticker: Ticks, valkey: EmbeddedValkey | None = None) -> None:
        self._runtime, self._ticker, self._valkey = runtime, ticker, valkey
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._signal = ClockSignal(runtime.queues.redis)
        self._is_first = True
        self._tick_next = True
        """Whether to tick whatever is due: at the start, after a signal, and once more after each tick that had
        something to do, since that may have brought the next thing to do."""
        self._ticked_at = 0.0

    def look(self) -> float:
        """Keep the queue alive, and tick if something is due and no other clock has the lease; the seconds to sleep.

        An error is logged, and the next look tries again.
        """
        try:
            if self._valkey:
                _keep_alive(self._valkey)
            longest = LOOK_EVERY if self._listens() else WHILE_BUSY
            if not self._is_leader():
                # The other clock may be outside of this process tree, where it can start no worker of it.
                self._runtime.queues.start_resting_workers()
                return longest
            due = self._seconds_until_due()
            if due > 0 and not self._tick_next and time.monotonic() - self._ticked_at < TICK_EVERY:
                return min(due, longest)
            did_something = self._ticker.tick(first=self._is_first)
            self._is_first, self._tick_next, self._ticked_at = False, did_something or due <= 0, time.monotonic()
            if self._tick_next:
                return WHILE_BUSY
            self._ticker.rest()
            return min(self._seconds_until_due(), longest)
        except TickError:
            pass  # it is logged
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again
            _log_failure(error)
        self._tick_next = True
        return WHILE_BUSY

    def sleep(self, seconds: float) -> None:
        """Sleep, at most until a signal: the next look ticks then."""
        self._tick_next |= self._signal.wait(seconds)

    def _seconds_until_due(self) -> float:
        with self._runtime.db.bare() as connection:
            found = seconds_until_due(connection)
        return float("inf") if found is None else found

    def _listens(self) -> bool:
        """Whether signals reach this clock. After a time without, it ticks: some may have been lost."""
        try:
            if self._signal.listen():
                self._tick_next = True
        except RedisError:
            return False
        return True

    def _is_leader(self) -> bool:
        """Whether this clock has the lease. Without a queue every clock ticks: that does no harm, only work."""
        redis = self._runtime.queues.redis
        try:
            if redis.set(LEASE_KEY, self._name, nx=True, px=LEASE_MS):
                return True
            holder = redis.get(LEASE_KEY)
            if isinstance(holder, bytes) and (holder == self._name.encode() or _is_dead(holder.decode("latin-1"))):
                redis.set(LEASE_KEY, self._name, px=LEASE_MS)
                return True
        except RedisError:
            self._signal.close()
            return True
        return False


def _keep_alive(valkey: EmbeddedValkey) -> None:
    """Start the queue unless it answers. Without one the clock still ticks: the database is the record of all work."""
    try:
        valkey.ensure()
    except (NewsletterError, OSError) as error:
        log.error("the embedded queue cannot be used: %s", error)


def _is_dead(holder: str) -> bool:
    """Whether the clock that has the lease was a process of this host that has ended."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _log_failure(error: Exception) -> None:
    if isinstance(error, (SQLAlchemyError, RedisError, NewsletterError, OSError)):
        log.error("this tick failed: %s: %s", type(error).__name__, _plain(error))
    else:
        log.error("this tick failed", exc_info=error)


def _plain(error: Exception) -> str:
    """The text of an error for the log. SQLAlchemy's shows statement and parameters, which can hold addresses: only its
    cause is logged."""
    return str(getattr(error, "orig", type(error).__name__)) if isinstance(error, SQLAlchemyError) else str(error)


def _stop(_signum: int, _frame: FrameType | None) -> None:
    shutdown.request()
