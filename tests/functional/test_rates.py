"""Limits for all workers together, in a real Valkey."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import RedisError

from newsletter.core.config import RateLimit
from newsletter.core.queue import Queues
from newsletter.delivery.sending.rates import SendRates


def rates(queues: Queues, *limits: RateLimit) -> SendRates:
    return SendRates(queues.redis, limits)


def test_without_limits_everything_is_granted(queues: Queues) -> None:
    assert rates(queues).grant(1000) == (1000, 0)


def test_workers_share_a_limit(queues: Queues) -> None:
    limit = RateLimit(100, 86400)
    one, other = rates(queues, limit), rates(queues, limit)
    assert one.grant(70).granted == 70
    granted, wait = other.grant(70)
    assert granted == 30
    granted, wait = one.grant(1)
    assert granted == 0
    assert 0 < wait <= 86400


def test_the_tightest_of_several_limits_counts(queues: Queues) -> None:
    limited = rates(queues, RateLimit(1000, 86400), RateLimit(10, 3600))
    assert limited.grant(50).granted == 10
    assert limited.grant(50).granted == 0
    # What the tight limit refused was not taken from the wide one.
    assert rates(queues, RateLimit(1000, 86400)).grant(2000).granted == 990


def test_a_window_ends(queues: Queues) -> None:
    limited = rates(queues, RateLimit(5, 1))
    granted = limited.grant(5).granted
    while granted < 6:
        more, wait = limited.grant(5)
        granted += more
        assert wait <= 1
        time.sleep(0.02)


def test_a_hold_stops_everybody_and_is_never_shortened(queues: Queues) -> None:
    one, other = rates(queues), rates(queues)
    one.hold(60)
    other.hold(1)
    granted, wait = other.grant(10)
    assert granted == 0
    assert 50 < wait <= 60
    one.hold(120)
    assert 110 < other.grant(10).wait <= 120


def test_without_redis_nobody_knows() -> None:
    with pytest.raises(RedisError):
        rates(Queues("unix:///nowhere/valkey.sock"), RateLimit(5, 1)).grant(1)
