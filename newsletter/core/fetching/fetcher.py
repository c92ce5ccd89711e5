"""Fetching by HTTP, with the limits of this package.

It rests on `http.client`, which has no proxies, no cookies, no credentials and no content encodings of its own: nothing
is unpacked, so that a small answer stays small.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from newsletter.core.fetching.connections import (
    Connect,
    Connection,
    Resolve,
    TimeLimit,
    connect_to,
    open_connection,
    resolve_host,
)
from newsletter.core.fetching.failures import FetchError, FetchFailure

MOST_REDIRECTS = 3
MOST_BYTES = 1_000_000
"""Of a body."""
TIMEOUT = 5.0
"""Seconds for a fetch in all, with its redirects."""
PORTS = {"http": 80, "https": 443}

_MOST_HEADER_BYTES = 100_000
_REDIRECTS = (301, 302, 303, 307, 308)
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class FetchedPage(NamedTuple):
    """The last response of a fetch."""

    status: int
    address: str
    """The address that answered: another one after redirects."""
    body: bytes
    """As it came; empty unless it was wanted."""


class _Target(NamedTuple):
    """A web address in its parts, each checked."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == PORTS["https" if self.is_tls else "http"] else f"{shown}:{self.port}"


@dataclass(frozen=True)
class Fetcher:
    """Fetches on behalf of a service at `own_host`, and nothing from that host. Threads may share it."""

    own_host: str
    user_agent: str
    timeout: float = TIMEOUT
    most_bytes: int = MOST_BYTES
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    resolve: Resolve = resolve_host
    connect: Connect = connect_to

    def fetch(
        self, address: str, method: str = "GET", headers: Mapping[str, str] | None = None, *, with_body: bool = False
    ) -> FetchedPage:
        """Fetch a web address, and follow its redirects. Raises FetchError."""
        deadline = TimeLimit(self.timeout)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                status, location, body = self._request(address, method, headers or {}, deadline, with_body=with_body)
                if status not in _REDIRECTS or not location:
                    return FetchedPage(status, address, body)
                address = urljoin(address, location)
        except TimeoutError:
            raise FetchError(FetchFailure.TIMEOUT) from None
        except ssl.SSLCertVerificationError:
            raise FetchError(FetchFailure.CERTIFICATE) from None
        except (HTTPException, ValueError):
            raise FetchError(FetchFailure.NO_HTTP) from None
        except OSError:
            raise FetchError(FetchFailure.NO_CONNECTION) from None
        raise FetchError(FetchFailure.REDIRECTS)

    def _request(
        self, address: str, method: str, headers: Mapping[str, str], deadline: TimeLimit, *, with_body: bool
    ) -> tuple[int, str, bytes]:
        """Send one request: the status, where a redirect leads, and the body."""
        target = self._checked(address)
        connection = open_connection(
            target.host,
            target.port,
            deadline,
            self.tls if target.is_tls else None,
            resolve=self.resolve,
            connect=self.connect,
            most_bytes=self.most_bytes + _MOST_HEADER_BYTES,
        )
        try:
            answer = self._exchange(connection, target, method, headers)
            body = self._body(answer) if with_body and answer.status not in _REDIRECTS else b""
            # Header fields come as Latin-1, whatever octets they were.
            location = (answer.getheader("Location") or "").encode("latin-1", "replace").decode("utf-8", "replace")
            return answer.status, location.strip(), body
        finally:
            connection.end()

    def _exchange(
        self, connection: Connection, target: _Target, method: str, headers: Mapping[str, str]
    ) -> HTTPResponse:
        http = HTTPConnection(target.host, target.port)
        http.sock = connection  # it has what is used of a socket
        http.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": target.host_header, "User-Agent": self.user_agent, "Accept": "*/*", "Connection": "close"}
        for name, value in {**sent, **headers}.items():
            http.putheader(name, value)
        http.endheaders()
        return http.getresponse()

    def _body(self, answer: HTTPResponse) -> bytes:
        body = answer.read(self.most_bytes + 1)
        if len(body) > self.most_bytes:
            raise FetchError(FetchFailure.TOO_LARGE)
        return body

    def _checked(self, address: str) -> _Target:
        """The parts of an address that may be asked. Raises FetchError."""
        try:
            parts = urlsplit(address)
            port = parts.port
            host = _ascii_host(parts)
        except ValueError:
            raise FetchError(FetchFailure.ADDRESS) from None
        if parts.scheme not in PORTS or not host or "@" in parts.netloc:
            raise FetchError(FetchFailure.ADDRESS)
        if port is not None and port not in PORTS.values():
            raise FetchError(FetchFailure.PORT)
        if host == self.own_host.lower().rstrip("."):
            raise FetchError(FetchFailure.OWN_HOST)
        path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
        return _Target(parts.scheme == "https", host, PORTS[parts.scheme] if port is None else port, path)


def _ascii_host(parts: SplitResult) -> str:
    """The host as the DNS knows it. Raises ValueError."""
    return (parts.hostname or "").encode("idna").decode("ascii").rstrip(".").lower()
