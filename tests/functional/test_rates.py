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


def test_without_limits_everything_is_allowed(queues: Queues) -> None:
    assert rates(queues).reserve(1000) == (1000, 0)


def test_workers_share_a_limit(queues: Queues) -> None:
    limit = RateLimit(100, 86400)
    one, other = rates(queues, limit), rates(queues, limit)
    assert one.reserve(70).allowed == 70
    allowed, wait = other.reserve(70)
    assert allowed == 30
    allowed, wait = one.reserve(1)
    assert allowed == 0
    assert 0 < wait <= 86400


def test_the_tightest_of_several_limits_counts(queues: Queues) -> None:
    limited = rates(queues, RateLimit(1000, 86400), RateLimit(10, 3600))
    assert limited.reserve(50).allowed == 10
    assert limited.reserve(50).allowed == 0
    # The wide limit lost nothing by the refusals of the tight one.
    assert rates(queues, RateLimit(1000, 86400)).reserve(2000).allowed == 990


def test_a_window_ends(queues: Queues) -> None:
    limited = rates(queues, RateLimit(5, 1))
    allowed = limited.reserve(5).allowed
    while allowed < 6:
        more, wait = limited.reserve(5)
        allowed += more
        assert wait <= 1
        time.sleep(0.02)


def test_backing_off_stops_everybody_and_is_never_shortened(queues: Queues) -> None:
    one, other = rates(queues), rates(queues)
    one.back_off(60)
    other.back_off(1)
    allowed, wait = other.reserve(10)
    assert allowed == 0
    assert 50 < wait <= 60
    one.back_off(120)
    assert 110 < other.reserve(10).wait <= 120


def test_without_redis_nobody_knows() -> None:
    with pytest.raises(RedisError):
        rates(Queues("unix:///nowhere/valkey.sock"), RateLimit(5, 1)).reserve(1)
