"""The limits of sign-ups: for each network, each address and in all.

Redis keeps their counts (`web.forms.signup_admission`) under hashes, for an hour. A hash is made with a random salt
that Redis never sees and that is replaced each hour (`salts`).
"""

from __future__ import annotations

import hmac
import logging
from functools import cache
from typing import NamedTuple

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


class SignupLimits(NamedTuple):
    """The limits that a sign-up counts against: those of its networks, of all, and of its address, in this order."""

    keys: list[str]
    """Those of their counts, in Redis."""
    networks: int
    """How many of them are about networks."""
    is_known: bool
    """Whether the network is known. Readers of all unknown ones have one rank: they are strangers to one another."""
    numbers: list[int]
    """Of each limit, how many sign-ups it allows and in how many seconds."""


def limits_of(
    salt: bytes, address_key: AddressKey, remote_address: str | None, *, is_forwarded: bool = False
) -> SignupLimits:
    """The limits of a sign-up of this address, requested from `remote_address`.

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
    return SignupLimits(
        keys, len(networks), networks != (UNKNOWN,), [number for _, limit in counted for number in limit]
    )


def _network_limits(networks: tuple[str, ...]) -> list[tuple[str, RateLimit]]:
    if networks == (UNKNOWN,):
        return [(f"network {UNKNOWN}", UNKNOWN_NETWORKS)]
    most, seconds = NETWORK
    return [(f"network {name}", RateLimit(most * WIDER**step, seconds)) for step, name in enumerate(networks)]


@cache
def _warn_of_uncounted_proxy() -> None:
    """Warn once in each process."""
    log.warning("requests come through a proxy: sign-ups are limited for each network once TRUSTED_PROXIES is set")
