"""The clock: each second it looks what is due. On a single machine it also runs the embedded queue."""

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
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.operations.tick import tick

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two turns."""
LEASE_MS = 10_000
"""How long after the last turn of one clock a standby takes over."""
LEASE_KEY = "newsletter:clock"


def run(runtime: Runtime) -> None:
    """Turn until SIGTERM or SIGINT. An error in a turn is logged, and the next turn tries again."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    valkey = EmbeddedValkey(runtime.settings.data_dir) if runtime.settings.redis_is_embedded else None
    me = f"{socket.gethostname()}:{os.getpid()}"
    try:
        first = True
        while not shutdown.requested():
            first = not turn(runtime, valkey, me, first=first) and first
            shutdown.wait(EVERY)
    finally:
        if valkey:
            valkey.stop()


def turn(runtime: Runtime, valkey: EmbeddedValkey | None, me: str, *, first: bool) -> bool:
    """One turn: keep the queue alive, and tick unless another clock does. Whether it ticked."""
    try:
        if valkey:
            valkey.ensure()
        if _is_leader(runtime, me):
            tick(runtime, first=first)
            return True
    except (SQLAlchemyError, RedisError, NewsletterError, OSError) as error:
        log.error("this turn failed: %s: %s", type(error).__name__, _plain(error))
    except Exception:
        log.exception("this turn failed")
    return False


def _is_leader(runtime: Runtime, me: str) -> bool:
    """Whether this clock holds the lease. Without a queue every clock turns: that does no harm, only work."""
    redis = runtime.queues.redis
    try:
        if redis.set(LEASE_KEY, me, nx=True, px=LEASE_MS):
            return True
        if redis.get(LEASE_KEY) == me.encode():
            redis.pexpire(LEASE_KEY, LEASE_MS)
            return True
    except RedisError:
        return True
    return False


def _plain(error: Exception) -> str:
    """An SQLAlchemy error shows statement and parameters, which can hold addresses: only its cause is logged."""
    return (
        str(getattr(error, "orig", None) or error)
        if not isinstance(error, SQLAlchemyError)
        else str(getattr(error, "orig", type(error).__name__))
    )


def _stop(_signum: int, _frame: FrameType | None) -> None:
    shutdown.request()
