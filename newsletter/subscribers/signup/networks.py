"""The networks that a request comes from, from the narrowest to the widest.

An IPv4 address may be a whole company's. An IPv6 household has a /64, a /56 or a whole /48, so all three are counted.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNKNOWN = "unknown"
"""The network of all requests whose address says nothing about the reader: they share one limit."""
PREFIXES = (64, 56, 48)

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        *(
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "0.0.0.0/8",
        ),
        *("::/128", "::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""A request from one of these comes through a proxy of our own that TRUSTED_PROXIES does not count."""
_NAT64 = ip_network("64:ff9b::/96")


def networks_of(remote_address: str | None) -> tuple[str, ...]:
    """An IPv4 address, or the /64, /56 and /48 of an IPv6 one; a proxy of our own and junk are `UNKNOWN`."""
    address = _address(remote_address or "")
    if address is None or any(address in private for private in _PRIVATE if private.version == address.version):
        return (UNKNOWN,)
    if isinstance(address, IPv4Address):
        return (str(address),)
    return tuple(str(ip_network((address, prefix), strict=False)) for prefix in PREFIXES)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, also when a proxy wrote its port behind it; the IPv4 one that an IPv6 one stands for."""
    host = text.strip().partition("%")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    with suppress(ValueError):
        address = ip_address(host)
        return _inner(address) or address if isinstance(address, IPv6Address) else address
    return None


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, 6to4, Teredo or NAT64 one: each of these gives its owner a whole network."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
