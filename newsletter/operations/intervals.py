"""Work that the clock does at intervals. Redis keeps the time of the last run, for all clocks together."""

from __future__ import annotations

from redis.exceptions import RedisError

from newsletter.core.runtime import Runtime


def is_interval_over(runtime: Runtime, key: str, seconds: int) -> bool:
    """Whether `seconds` have passed since the last run; the next time counts from now. False while Redis is away."""
    try:
        return bool(runtime.queues.redis.set(key, 1, nx=True, ex=seconds))
    except RedisError:
        return False
