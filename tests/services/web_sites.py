"""A little internet: names with public addresses, behind which servers of this machine answer."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TypeAlias

from newsletter.core.fetching import Fetcher

_TLS = ssl.create_default_context()  # takes a tenth of a second

Respond: TypeAlias = "Callable[[socket.socket, str], None]"
"""Answers a request, of which it gets the head."""


class Internet:
    """Names, their addresses, and the servers at these."""

    def __init__(self) -> None:
        self.names: dict[str, list[Sequence[str]]] = {}
        """The answers of the resolver: each time the next one, and the last one from then on."""
        self.connected: list[str] = []
        """The addresses that were connected to."""
        self.requests: list[str] = []
        """The heads of all requests."""
        self._ports: dict[str, int] = {}
        self._listeners: list[socket.socket] = []
        self._numbers = count(1)

    def add(self, name: str, respond: Respond | bytes) -> str:
        """A site; its address."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        address = f"93.184.216.{next(self._numbers)}"
        self._ports[address] = listener.getsockname()[1]
        self.names[name] = [[address]]
        threading.Thread(target=self._serve, args=(listener, respond), daemon=True).start()
        return address

    def fetcher(self, **changes: object) -> Fetcher:
        """A fetcher that knows this internet alone."""
        made = Fetcher("letters.example.org", "test", tls=_TLS, resolve=self.resolve, connect=self.connect)
        return replace(made, **changes)  # type: ignore[arg-type]

    def resolve(self, host: str, _port: int) -> Sequence[str]:
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, _port: int, seconds: float) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self._ports[address]), timeout=seconds)

    def paths(self) -> list[str]:
        """What was asked, such as "HEAD /a"."""
        return [head.split(" HTTP/")[0] for head in self.requests]

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _serve(self, listener: socket.socket, respond: Respond | bytes) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer, respond), daemon=True).start()

    def _answer(self, peer: socket.socket, respond: Respond | bytes) -> None:
        with contextlib.suppress(OSError), peer:
            head = b""
            while b"\r\n\r\n" not in head and (some := peer.recv(4096)):
                head += some
            self.requests.append(head.decode("latin-1"))
            if isinstance(respond, bytes):
                peer.sendall(respond)
            else:
                respond(peer, self.requests[-1])


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer in wire form."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} -\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def internet() -> Iterator[Internet]:
    """An internet while the block lasts."""
    made = Internet()
    try:
        yield made
    finally:
        made.close()
