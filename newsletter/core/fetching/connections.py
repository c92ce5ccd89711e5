"""Connections with one deadline for everything: the name, the handshake, and each octet."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from newsletter.core.fetching.failures import FetchError, FetchFailure
from newsletter.core.fetching.public_addresses import is_public

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Resolve: TypeAlias = "Callable[[str, int], Sequence[str]]"
"""The IP addresses of a host. Raises socket.gaierror."""
Connect: TypeAlias = "Callable[[str, int, float], socket.socket]"
"""A connection to an IP address and a port, within seconds. Raises OSError."""

MOST_ADDRESSES = 3
"""Addresses of a host that are tried, one after the other."""


class TimeLimit:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def remaining(self) -> float:
        """The seconds until then. Raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Connection:
    """A socket with a deadline and a limit: a read or write may take the time that is left, and no more is read.

    It has what `http.client` needs of a socket.
    """

    def __init__(self, sock: socket.socket, deadline: TimeLimit, most_bytes: int) -> None:
        self._sock, self._deadline, self._most = sock, deadline, most_bytes

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Leave the socket open: `http.client` closes it before the body is read."""

    def end(self) -> None:
        """Close the socket."""
        self._sock.close()

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """Read what is there. Raises TimeoutError, and FetchError when it was too much in all."""
        self._sock.settimeout(self._deadline.remaining())
        count = self._sock.recv_into(buffer)
        self._most -= count
        if self._most < 0:
            raise FetchError(FetchFailure.TOO_LARGE)
        return count


class _Incoming(io.RawIOBase):
    """The reading end of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._connection.receive_into(buffer)


def open_connection(
    host: str,
    port: int,
    deadline: TimeLimit,
    tls: ssl.SSLContext | None,
    *,
    resolve: Resolve,
    connect: Connect,
    most_bytes: int,
) -> Connection:
    """Connect to a host at one of its addresses, once all of them were found to be public.

    Raises FetchError, OSError or TimeoutError.
    """
    addresses = _resolved(host, port, deadline, resolve)
    if not addresses or not all(is_public(address) for address in addresses):
        raise FetchError(FetchFailure.NOT_PUBLIC)
    sock = _connected(addresses[:MOST_ADDRESSES], port, deadline, connect)
    try:
        if tls is not None:
            sock.settimeout(deadline.remaining())  # of the whole handshake
            sock = tls.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise
    return Connection(sock, deadline, most_bytes)


def _connected(addresses: Sequence[str], port: int, deadline: TimeLimit, connect: Connect) -> socket.socket:
    """Try each address. Only the last one may take all the time that is left."""
    for number, address in enumerate(addresses, 1):
        is_last = number == len(addresses)
        try:
            return connect(address, port, deadline.remaining() if is_last else deadline.remaining() / 2)
        except OSError:
            if is_last:
                raise
    raise AssertionError("there is an address")


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def connect_to(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an IP address."""
    return socket.create_connection((address, port), timeout=seconds)


def _resolved(host: str, port: int, deadline: TimeLimit, resolve: Resolve) -> Sequence[str]:
    """Resolve in a thread: the system's resolver has no time limit of ours."""
    found: list[Sequence[str] | Exception] = []

    def ask() -> None:
        try:
            found.append(resolve(host, port))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=ask, name="resolver", daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if not found:
        raise FetchError(FetchFailure.UNRESOLVED)
    (answer,) = found
    if isinstance(answer, socket.gaierror) and answer.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
        raise FetchError(FetchFailure.UNRESOLVED)
    if isinstance(answer, Exception):
        raise FetchError(FetchFailure.UNKNOWN_HOST)
    return answer
