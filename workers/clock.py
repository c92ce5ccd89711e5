"""The clock: it starts what is due, each second. On a single machine it also runs the embedded queue."""

from __future__ import annotations

import logging
import os
import signal
import socket
from types import FrameType

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from newsletter.core import shutdown
from newsletter.core.errors import NewsletterError
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger.claims import lease_seconds
from newsletter.delivery.ledger.lease_watch import LeaseWatch
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.mail.transports import open_transport
from newsletter.operations.tick import tick

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two ticks."""
LEASE_MS = 10_000
"""How long after the last tick of one clock a standby takes over."""
LEASE_KEY = "newsletter:clock"


def run(runtime: Runtime) -> None:
    """Tick until SIGTERM or SIGINT. An error in a tick is logged, and the next tick tries again."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)
    shutdown.end_in_time()
    valkey = EmbeddedValkey(runtime.settings.data_dir) if runtime.settings.redis_is_embedded else None
    name = f"{socket.gethostname()}:{os.getpid()}"
    try:
        watch = LeaseWatch(lease_seconds(open_transport(runtime.settings)))
        first = True
        while not shutdown.requested():
            first = not tick_once(runtime, valkey, name, first=first, watch=watch) and first
            shutdown.wait(EVERY)
    finally:
        if valkey:
            valkey.stop()


def tick_once(
    runtime: Runtime, valkey: EmbeddedValkey | None, name: str, *, first: bool, watch: LeaseWatch | None = None
) -> bool:
    """Keep the queue alive, and tick unless another clock does; whether it ticked."""
    try:
        if valkey:
            valkey.ensure()
        if _is_leader(runtime, name):
            tick(runtime, first=first, watch=watch)
            return True
    except (SQLAlchemyError, RedisError, NewsletterError, OSError) as error:
        log.error("this tick failed: %s: %s", type(error).__name__, _plain(error))
    except Exception:
        log.exception("this tick failed")
    return False


def _is_leader(runtime: Runtime, name: str) -> bool:
    """Whether this clock has the lease. Without a queue every clock ticks: that does no harm, only work."""
    redis = runtime.queues.redis
    try:
        if redis.set(LEASE_KEY, name, nx=True, px=LEASE_MS):
            return True
        if redis.get(LEASE_KEY) == name.encode():
            redis.pexpire(LEASE_KEY, LEASE_MS)
            return True
    except RedisError:
        return True
    return False


def _plain(error: Exception) -> str:
    """The text of an error for the log. SQLAlchemy's shows statement and parameters, which can hold addresses: only its
    cause is logged."""
    return str(getattr(error, "orig", type(error).__name__)) if isinstance(error, SQLAlchemyError) else str(error)


def _stop(_signum: int, _frame: FrameType | None) -> None:
    shutdown.request()
