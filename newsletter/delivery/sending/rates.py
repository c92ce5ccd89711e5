"""Rate limits: MAIL_RATE_LIMITS, and pauses that a provider asks for, kept in Redis for all workers together.

Limits are counted in fixed windows, as providers count theirs. Reserved messages count as sent, whether or not they
were. So a limit is never exceeded, and what a dying worker had reserved is lost for the rest of the window only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from redis import Redis

from newsletter.core.config import RateLimit

_BACK_OFF = "newsletter:back-off"
_WINDOW = "newsletter:limit:"

_RESERVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local back_off = redis.call('PTTL', KEYS[1])
if back_off > 0 then return {0, back_off} end
local allowed = tonumber(ARGV[1])
local wait = 0
local keys = {}
for i = 2, #ARGV, 2 do
  local most, seconds = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local window = math.floor(now / seconds)
  local key = KEYS[2] .. seconds .. ':' .. window
  keys[#keys + 1] = {key, seconds}
  local free = most - tonumber(redis.call('GET', key) or '0')
  if free < allowed then
    allowed = math.max(free, 0)
    wait = math.max(wait, (window + 1) * seconds - now)
  end
end
if allowed > 0 then
  for _, pair in ipairs(keys) do
    redis.call('INCRBY', pair[1], allowed)
    redis.call('EXPIRE', pair[1], math.ceil(pair[2]) + 5)
  end
end
return {allowed, math.ceil(wait * 1000)}
"""


class Allowance(NamedTuple):
    """How many messages may be sent now, and the seconds to wait before asking for the rest."""

    allowed: int
    wait: float


class SendRates:
    """The limits for all workers that share a Redis."""

    def __init__(self, redis: Redis, limits: Sequence[RateLimit]) -> None:
        self._redis = redis
        self._script = redis.register_script(_RESERVE)
        self._arguments = [value for limit in limits for value in limit]

    def reserve(self, wanted: int) -> Allowance:
        """Reserve up to `wanted` messages. Raises RedisError: without Redis nobody knows what the others sent."""
        reply = self._script(keys=[_BACK_OFF, _WINDOW], args=[wanted, *self._arguments])
        allowed, milliseconds = cast("list[int]", reply)
        return Allowance(allowed, milliseconds / 1000)

    def back_off(self, seconds: float) -> None:
        """Have every worker wait, as the provider asked. A longer wait that is set already stays."""
        milliseconds = int(seconds * 1000)
        if milliseconds > 0 and not self._redis.set(_BACK_OFF, 1, px=milliseconds, nx=True):
            self._redis.pexpire(_BACK_OFF, milliseconds, gt=True)
