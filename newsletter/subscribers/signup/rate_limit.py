"""The limits of sign-ups: for each network, each address and in all, counted in Redis.

Redis keeps a count under a hash, for an hour. The hash is made with a random salt that Redis never sees and that is
replaced each hour (`salts`). Without Redis nothing is limited: no sign-up may be lost.
"""

from __future__ import annotations

import hmac
import logging
from functools import cache
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from newsletter.core.config import RateLimit
from newsletter.core.ids import AddressKey
from newsletter.subscribers import addresses
from newsletter.subscribers.signup.networks import UNKNOWN, networks_of

log = logging.getLogger(__name__)

NETWORK = RateLimit(60, 3600)
"""An IPv4 address may be a whole company's, so it gets many; after the first, they wait for other networks' (rank)."""
WIDER = 2
"""The factor for each wider network: a /56 gets twice as many as a /64, a /48 twice as many as a /56."""
UNKNOWN_NETWORKS = RateLimit(600, 3600)
"""For all requests together whose network cannot be known, as behind a proxy that TRUSTED_PROXIES does not count."""
ADDRESS = RateLimit(10, 3600)
"""Counted once for the address, and once for all spellings that reach the same mailbox (victim+1@…, victim+2@…): each
would get a mail."""
ALL = RateLimit(20_000, 3600)
"""Beyond it a network's first sign-up still gets in, so that an attack does not keep everybody out."""

_SCRIPT = """
local networks, all = tonumber(ARGV[1]), tonumber(ARGV[2])
local function count(i) return tonumber(redis.call('GET', KEYS[i]) or '0') end
local function most(i) return tonumber(ARGV[2 * i + 1]) end
local function wait(i) return math.max(redis.call('TTL', KEYS[i]), 1) end
local function add(i)
  local found = redis.call('INCR', KEYS[i])
  if found == 1 then redis.call('EXPIRE', KEYS[i], ARGV[2 * i + 2]) end
  return found
end
for i = 1, networks do
  if count(i) >= most(i) then return {0, wait(i), 0} end
end
if count(all) >= most(all) and count(networks) > 0 then return {0, wait(all), 0} end
local rank = 1
for i = 1, all do
  local found = add(i)
  if i == networks then rank = found end
end
for i = all + 1, #KEYS do
  if count(i) >= most(i) then return {rank, 0, 0} end
end
for i = all + 1, #KEYS do add(i) end
return {rank, 0, 1}
"""
"""The keys are those of the networks, the one of all, and those of the address. The address is looked at last: whatever
was counted of it, the answer to somebody else is the same."""


class SignupAllowance(NamedTuple):
    """Whether a sign-up is allowed."""

    rank: int
    """Counts the sign-ups of its network in an hour; 0: the network is over its limit, or all together are."""
    wait: int = 0
    """Seconds until the next one is allowed, where this one is not."""
    address_is_free: bool = True
    """Whether the address is below its limit. Over it nothing is stored, and nobody is told."""


def allow_signup(
    redis: Redis, salt: bytes, address_key: AddressKey, remote_address: str | None, *, is_forwarded: bool = False
) -> SignupAllowance:
    """Count a sign-up of this address, requested from `remote_address`, unless it is over a limit.

    `is_forwarded`: the request says that it came through a proxy. If that proxy's own address is all that is known, a
    warning is logged, since all such sign-ups share one limit.
    """
    networks = networks_of(remote_address)
    if networks == (UNKNOWN,) and is_forwarded:
        _warn_of_uncounted_proxy()
    counted = [*_network_limits(networks), ("all", ALL), (f"address {address_key}", ADDRESS)]
    if (mailbox := addresses.mailbox(address_key)) != address_key:
        counted.append((f"mailbox {mailbox}", ADDRESS))
    keys = [f"newsletter:signups:{hmac.digest(salt, name.encode(), 'sha256')[:16].hex()}" for name, _ in counted]
    limits = [number for _, limit in counted for number in limit]
    try:
        reply = _script()(keys=keys, args=[len(networks), len(networks) + 1, *limits], client=redis)
    except RedisError as error:
        log.warning("sign-ups are not limited while Redis is away (%s)", type(error).__name__)
        return SignupAllowance(1)
    rank, wait, is_free = cast("list[int]", reply)
    return SignupAllowance(min(rank, 1) if networks == (UNKNOWN,) else rank, wait, bool(is_free))


def _network_limits(networks: tuple[str, ...]) -> list[tuple[str, RateLimit]]:
    if networks == (UNKNOWN,):
        return [(f"network {UNKNOWN}", UNKNOWN_NETWORKS)]
    most, seconds = NETWORK
    return [(f"network {name}", RateLimit(most * WIDER**step, seconds)) for step, name in enumerate(networks)]


@cache
def _script() -> Script:
    """The script, which is sent to Redis once and then called by its hash."""
    return Script(Redis(), _SCRIPT)


@cache
def _warn_of_uncounted_proxy() -> None:
    """Warn once in each process."""
    log.warning("requests come through a proxy: sign-ups are limited for each network once TRUSTED_PROXIES is set")
