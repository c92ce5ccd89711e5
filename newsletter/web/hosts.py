"""The hosts that the site answers under: PUBLIC_URL's alone, so that no other name leads here.

A request for any other is misdirected (421, RFC 9110 15.5.20). Monitoring asks each machine by its own name.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.sansio.utils import get_host

from newsletter.core import public_paths
from newsletter.core.runtime import runtime

UNDER_ANY_HOST = {public_paths.HEALTH}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of one's own machine, which are one site while PUBLIC_URL is one of them."""


def install(app: Flask) -> None:
    """Check every request."""
    app.before_request(refuse_other_hosts)


def refuse_other_hosts() -> Response | None:
    """421 for a request to another host. The port does not count: a proxy may name its own."""
    if request.path in UNDER_ANY_HOST or host_name(request.environ.get("HTTP_HOST", "")) in own_hosts():
        return None
    return Response("This site is not served under that host.\n", 421, content_type="text/plain; charset=utf-8")


def host_name(header: str) -> str:
    """The name in a Host header, without its port; empty where the header names no host."""
    return name_of(f"//{get_host('', header)}")


def own_hosts() -> frozenset[str]:
    """The names that PUBLIC_URL stands for."""
    name = name_of(runtime().settings.public_url)
    return LOOPBACK if _is_loopback(name) else frozenset({name})


def is_own_origin(origin: str) -> bool:
    """Whether an Origin is the site's. Its port counts: another program may listen on another."""
    try:
        is_same_place = _scheme_and_port(origin) == _scheme_and_port(runtime().settings.public_url)
    except ValueError:
        return False
    return is_same_place and name_of(origin) in own_hosts()


def name_of(address: str) -> str:
    """The host of an address, without port and final dot; empty for what is none."""
    try:
        parts = urlsplit(address)
        return "" if "@" in parts.netloc else (parts.hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _scheme_and_port(address: str) -> tuple[str, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
