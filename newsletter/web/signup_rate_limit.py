"""How many sign-ups are taken: for each network, each address and in all, counted in Redis.

What Redis keeps is a count under a keyed hash, for an hour: the key is made from SECRET_KEY and the day, so that no
network and no address can be read from it, and none is known again the next day. Without Redis nothing is limited: a
sign-up must not be lost for it.
"""

from __future__ import annotations

import hmac
import logging
from datetime import date
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple, cast

from flask import request
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from newsletter.core import clock
from newsletter.core.config import RateLimit
from newsletter.core.runtime import runtime
from newsletter.subscribers import addresses

log = logging.getLogger(__name__)

NETWORK = RateLimit(60, 3600)
"""An IPv4 address may be a whole company's, so it gets many; those after the first wait for other networks' (rank)."""
ADDRESS = RateLimit(10, 3600)
"""Another time for all spellings that reach the same mailbox (victim+1@…, victim+2@…): each would get a mail."""
ALL = RateLimit(20_000, 3600)

_INSIDE = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
)
"""These name no network of a reader, but a proxy of our own that TRUSTED_PROXIES does not count."""

_GRANT = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
    return {0, math.max(redis.call('TTL', key), 1)}
  end
end
local count = 1
for i, key in ipairs(KEYS) do
  count = redis.call('INCR', key)
  if count == 1 then redis.call('EXPIRE', key, ARGV[2 * i]) end
end
return {count, 0}
"""


class SignupAllowance(NamedTuple):
    """Which sign-up of its network this is in an hour (0: it is over a limit), and after how many seconds to come
    again."""

    rank: int
    wait: int


def allow_signup(address_key: str) -> SignupAllowance:
    """Ask whether a sign-up of this address, from where the request comes, may be taken."""
    counted = [("all", ALL), (f"address {address_key}", ADDRESS)]
    if (mailbox := addresses.mailbox(address_key)) != address_key:
        counted.append((f"mailbox {mailbox}", ADDRESS))
    place = network(request.remote_addr)
    if place is None:
        _warn_of_a_proxy(forwarded="X-Forwarded-For" in request.headers)
    else:
        counted.append((f"network {place}", NETWORK))
    day_key = _day_key(runtime().settings.secret_key, clock.now().date())
    keys = [f"newsletter:signups:{hmac.digest(day_key, what.encode(), 'sha256')[:16].hex()}" for what, _ in counted]
    redis = runtime().queues.redis
    try:
        reply = _script()(keys=keys, args=[number for _, limit in counted for number in limit], client=redis)
    except RedisError as error:
        log.warning("sign-ups are not limited while Redis is away (%s)", type(error).__name__)
        return SignupAllowance(1, 0)
    rank, wait = cast("list[int]", reply)
    return SignupAllowance(rank if place or not rank else 1, wait)


def network(address: str | None) -> str | None:
    """The network of a request: an IPv4 address, or the first 64 bits of an IPv6 one, which are one household's.

    None when it says nothing of the reader: a proxy of our own, or a unix socket.
    """
    try:
        found: IPv4Address | IPv6Address = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if any(found in inside for inside in _INSIDE if inside.version == found.version):
        return None
    return str(found) if isinstance(found, IPv4Address) else str(ip_network((found, 64), strict=False))


@lru_cache(maxsize=2)
def _day_key(secret_key: str, day: date) -> bytes:
    """Names made with it tell nothing, and are others each day."""
    return hmac.digest(secret_key.encode(), f"sign-ups {day}".encode(), "sha256")


@cache
def _script() -> Script:
    """Sent once to each Redis, and called by its hash."""
    return Script(Redis(), _GRANT)


@cache
def _warn_of_a_proxy(*, forwarded: bool) -> None:
    """Once for each process."""
    if forwarded:
        log.warning("requests come through a proxy: sign-ups are limited for each network once TRUSTED_PROXIES is set")
