"""The limits of sign-ups: for each network, each address and in all, counted in Redis.

Redis keeps a count under a keyed hash, for an hour. The hash's key is made from SECRET_KEY and the day, so nobody can
read a network or an address from it, or recognise one the next day. Without Redis nothing is limited: no sign-up may
be lost.
"""

from __future__ import annotations

import hmac
import logging
from datetime import date
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from newsletter.core import clock
from newsletter.core.config import RateLimit
from newsletter.core.ids import AddressKey
from newsletter.subscribers import addresses

log = logging.getLogger(__name__)

NETWORK = RateLimit(60, 3600)
"""An IPv4 address may be a whole company's, so it gets many; after the first, they wait for other networks' (rank)."""
ADDRESS = RateLimit(10, 3600)
"""Counted once for the address, and once for all spellings that reach the same mailbox (victim+1@…, victim+2@…): each
would get a mail."""
ALL = RateLimit(20_000, 3600)

_PRIVATE = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
)
"""A request from one of these comes through a proxy of our own that TRUSTED_PROXIES does not count."""

_SCRIPT = """
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
    """Whether a sign-up is allowed."""

    rank: int
    """Counts the sign-ups of its network in an hour; 0: it is over a limit."""
    wait: int
    """Seconds until the next one is allowed, where this one is not."""


def allow_signup(
    redis: Redis, secret_key: str, address_key: AddressKey, remote_address: str | None, *, is_forwarded: bool = False
) -> SignupAllowance:
    """Count a sign-up of this address, requested from `remote_address`, unless it is over a limit.

    `is_forwarded`: the request says that it came through a proxy. If that proxy's own address is all that is known, a
    warning is logged, since sign-ups are not limited for each network then.
    """
    counted = [("all", ALL), (f"address {address_key}", ADDRESS)]
    if (mailbox := addresses.mailbox(address_key)) != address_key:
        counted.append((f"mailbox {mailbox}", ADDRESS))
    network = network_of(remote_address)
    if network is not None:
        counted.append((f"network {network}", NETWORK))
    elif is_forwarded:
        _warn_of_uncounted_proxy()
    day_key = _day_key(secret_key, clock.now().date())
    keys = [f"newsletter:signups:{hmac.digest(day_key, name.encode(), 'sha256')[:16].hex()}" for name, _ in counted]
    try:
        reply = _script()(keys=keys, args=[number for _, limit in counted for number in limit], client=redis)
    except RedisError as error:
        log.warning("sign-ups are not limited while Redis is away (%s)", type(error).__name__)
        return SignupAllowance(1, 0)
    rank, wait = cast("list[int]", reply)
    return SignupAllowance(rank if network or not rank else 1, wait)


def network_of(remote_address: str | None) -> str | None:
    """The network of a request: an IPv4 address, or the first 64 bits of an IPv6 one, which are one household's.

    None when the address says nothing about the reader: a proxy of our own, or a unix socket.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address((remote_address or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in private for private in _PRIVATE if private.version == address.version):
        return None
    return str(address) if isinstance(address, IPv4Address) else str(ip_network((address, 64), strict=False))


@lru_cache(maxsize=2)
def _day_key(secret_key: str, day: date) -> bytes:
    """The key of the day's hashes."""
    return hmac.digest(secret_key.encode(), f"sign-ups {day}".encode(), "sha256")


@cache
def _script() -> Script:
    """The script, which is sent to Redis once and then called by its hash."""
    return Script(Redis(), _SCRIPT)


@cache
def _warn_of_uncounted_proxy() -> None:
    """Warn once in each process."""
    log.warning("requests come through a proxy: sign-ups are limited for each network once TRUSTED_PROXIES is set")
