"""How fast mail may leave: MAIL_RATE_LIMITS, and what a provider asks for, kept for all workers together in Redis.

Limits are counted in fixed windows, as providers count theirs. What is granted counts as sent, whether or not it was:
so a limit is never exceeded, and what a dying worker did not use is lost for the rest of the window only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from redis import Redis

from newsletter.core.config import RateLimit

_HOLD = "newsletter:hold"
_WINDOW = "newsletter:limit:"

_GRANT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local hold = redis.call('PTTL', KEYS[1])
if hold > 0 then return {0, hold} end
local granted = tonumber(ARGV[1])
local wait = 0
local keys = {}
for i = 2, #ARGV, 2 do
  local most, seconds = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local window = math.floor(now / seconds)
  local key = KEYS[2] .. seconds .. ':' .. window
  keys[#keys + 1] = {key, seconds}
  local left = most - tonumber(redis.call('GET', key) or '0')
  if left < granted then
    granted = math.max(left, 0)
    wait = math.max(wait, (window + 1) * seconds - now)
  end
end
if granted > 0 then
  for _, pair in ipairs(keys) do
    redis.call('INCRBY', pair[1], granted)
    redis.call('EXPIRE', pair[1], math.ceil(pair[2]) + 5)
  end
end
return {granted, math.ceil(wait * 1000)}
"""


class Allowance(NamedTuple):
    """How many messages may leave now, and after how many seconds to ask for the rest."""

    granted: int
    wait: float


class SendRates:
    """The limits, for all workers that share a Redis."""

    def __init__(self, redis: Redis, limits: Sequence[RateLimit]) -> None:
        self._redis = redis
        self._script = redis.register_script(_GRANT)
        self._arguments = [value for limit in limits for value in limit]

    def grant(self, wanted: int) -> Allowance:
        """Ask for `wanted` messages. Raises RedisError: without Redis nobody knows what the others sent."""
        reply = self._script(keys=[_HOLD, _WINDOW], args=[wanted, *self._arguments])
        count, milliseconds = cast("list[int]", reply)
        return Allowance(count, milliseconds / 1000)

    def hold(self, seconds: float) -> None:
        """The provider asked everyone to wait; a longer wait that is set already stays."""
        milliseconds = int(seconds * 1000)
        if milliseconds > 0 and not self._redis.set(_HOLD, 1, px=milliseconds, nx=True):
            self._redis.pexpire(_HOLD, milliseconds, gt=True)
