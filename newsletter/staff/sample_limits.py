"""The limit of tests of digests, by the hour, for each person. Without Redis each process counts its own."""

from __future__ import annotations

import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop

log = logging.getLogger(__name__)

MOST_SAMPLES = 30
"""An hour, for one person: several editions to some colleagues, and no more than their mailboxes bear."""
_HOUR = 3600
TOO_MANY = gettext_noop("You have sent %(most)s tests within an hour. The next is possible in %(minutes)s min.")

_local: dict[tuple[int, int], int] = {}


def count_samples(redis: Redis, member_id: int, count: int) -> None:
    """Count tests before they are sent. Raises InvalidError when they are too many: then none of them counts."""
    hour, second = divmod(int(time.time()), _HOUR)
    key = f"newsletter:desk:samples:{member_id}:{hour}"
    try:
        with redis.pipeline() as pipeline:
            pipeline.incrby(key, count)
            pipeline.expire(key, _HOUR)
            total = int(pipeline.execute()[0])
        if total > MOST_SAMPLES:
            redis.decrby(key, count)
    except RedisError as error:
        log.warning("tests of digests are counted in each process while Redis is away (%s)", type(error).__name__)
        total = _local.get((member_id, hour), 0) + count
        if total <= MOST_SAMPLES:
            for old in [each for each in _local if each[1] != hour]:
                _local.pop(old, None)
            _local[member_id, hour] = total
    if total > MOST_SAMPLES:
        minutes = (_HOUR - second) // 60 + 1
        raise InvalidError("digest.too_many_tests", TOO_MANY, most=MOST_SAMPLES, minutes=minutes)


def forget_local() -> None:
    """Start anew in this process (for tests)."""
    _local.clear()
