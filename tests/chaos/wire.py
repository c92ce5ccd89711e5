"""The wire between us and a provider: connections that are refused, cut, silenced or slowed, at any octet."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from contextlib import suppress
from enum import Enum
from typing import NamedTuple, Self

PIECE = 65536
DRIP = 0.2
"""Seconds before each octet of an answer that drips: longer, in all, than anyone waits."""


class Fate(Enum):
    """The fate of a connection, from some octet on."""

    FINE = "fine"
    REFUSED = "reset at once"
    CUT_ASKING = "reset within what we say"
    CUT_ANSWERING = "reset within what the provider says"
    SILENT = "answers swallowed"
    DRIPPING = "answers dripping"


class Weather(NamedTuple):
    """How the wire is: seconds that each answer takes, and the share of connections that fare badly."""

    latency: float = 0.0
    refused: float = 0.0
    cut: float = 0.0
    silent: float = 0.0
    dripping: float = 0.0

    def fate(self, rng: random.Random) -> Fate:
        luck = rng.random()
        cut = rng.choice([Fate.CUT_ASKING, Fate.CUT_ANSWERING])
        shares = (
            (self.refused, Fate.REFUSED),
            (self.cut, cut),
            (self.silent, Fate.SILENT),
            (self.dripping, Fate.DRIPPING),
        )
        for share, fate in shares:
            if luck < share:
                return fate
            luck -= share
        return Fate.FINE


class Wire:
    """Listens on `port` of 127.0.0.1 and passes on to the provider at `to`. Started by `with`.

    `asked`, `answered`: how many octets, at most, may pass before a fate strikes.
    """

    def __init__(self, to: int, rng: random.Random, *, asked: int, answered: int) -> None:
        self.weather = Weather()
        self.struck: list[Fate] = []
        """The accidents of connections that had carried something: each may have hidden one answer from us."""
        self._to = to
        self._rng = rng
        self._asked = asked
        self._answered = answered
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._ended = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.take_down()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def take_down(self) -> None:
        """From now on nobody listens: connections are refused as by a machine without a server."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def put_up(self) -> None:
        """Listen again, on the same port."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            fate = self.weather.fate(self._rng)
            if fate is Fate.REFUSED or self._ended:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                _reset(client)
                continue
            _Connection(self, client, server, fate).start()

    def after(self, fate: Fate) -> int:
        """The octet at which a fate strikes; often early, where a greeting or a head is."""
        most = self._asked if fate is Fate.CUT_ASKING else self._answered
        return self._rng.choice([self._rng.randrange(64), self._rng.randrange(most)])

    def opened(self, *sockets: socket.socket) -> None:
        self._open.update(sockets)

    def closed(self, *sockets: socket.socket) -> None:
        self._open.difference_update(sockets)


class _Connection:
    """Two threads, one for each direction."""

    def __init__(self, wire: Wire, client: socket.socket, server: socket.socket, fate: Fate) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._fate = fate
        self._left = wire.after(fate)
        self._struck = False
        wire.opened(client, server)
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        other = threading.Thread(target=self._pass_answers, daemon=True)
        other.start()
        self._pass_questions()
        other.join()
        self._wire.closed(self._client, self._server)
        for each in (self._client, self._server):
            (_reset if self._struck else _close)(each)

    def _pass_questions(self) -> None:
        with suppress(OSError):
            while piece := self._client.recv(PIECE):
                if self._fate is Fate.CUT_ASKING and len(piece) > self._left:
                    self._server.sendall(piece[: self._left])
                    self._cut()
                    return
                self._left -= len(piece) if self._fate is Fate.CUT_ASKING else 0
                self._server.sendall(piece)
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_WR)

    def _pass_answers(self) -> None:
        with suppress(OSError):
            while piece := self._server.recv(PIECE):
                time.sleep(self._wire.weather.latency)
                if self._fate in (Fate.FINE, Fate.CUT_ASKING):
                    self._client.sendall(piece)
                elif not self._answer_badly(piece):
                    return
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    def _answer_badly(self, piece: bytes) -> bool:
        """Whether to go on."""
        good, bad = piece[: self._left], piece[self._left :]
        self._left -= len(good)
        self._client.sendall(good)
        if not bad:
            return True
        if self._fate is Fate.CUT_ANSWERING:
            self._cut()
            return False
        self._strike()
        if self._fate is Fate.DRIPPING:
            for octet in bad:
                time.sleep(DRIP)
                self._client.sendall(bytes([octet]))
        return True

    def _cut(self) -> None:
        """Both threads come to their end, and both sides see a reset."""
        self._strike()
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)

    def _strike(self) -> None:
        if not self._struck:
            self._struck = True
            self._wire.struck.append(self._fate)


def _reset(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _close(sock: socket.socket) -> None:
    sock.close()
