"""Public IP addresses: those that the service may connect to when people name a host.

`ipaddress.is_global` is not enough: in Python 3.11 it is true for multicast, site-local addresses, and loopback within
NAT64 and 6to4. So IPv6 is allowed by what is given out (IANA's 2000::/3), without the parts that lead to IPv4.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_UNICAST = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID (RFC 2928)
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "168.63.129.16/32",  # Azure answers its machines there, also about themselves
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)


def is_public(text: str) -> bool:
    """Whether `text` is an IP address, as a resolver writes it, of the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_V4)
    return _is_public_v6(address)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _UNICAST:
        return False
    return address.is_global and not any(address in network for network in _REFUSED_V6)
