"""The behaviours of a server, good and bad, that a test scripts.

A behaviour is a function of an Exchange: `ok`, `unnamed`, `taken_and_reset` …, or one that is made: `status(503)`.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
from collections.abc import Callable
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import orjson

from tests.services.sendgrid_rules import Fault, RefusedError, check

if TYPE_CHECKING:
    from tests.services.sendgrid_standin import StandInServer

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One connection and what can be done with it."""

    protocol_version = "HTTP/1.1"
    server: StandInServer

    def do_POST(self) -> None:
        standin = self.server.standin
        if self.path == "/v3/mail/send":
            standin.next_behaviour()(self)
        else:
            self.answer(*standin.schedules.post(self.path, self.read()))

    def do_GET(self) -> None:
        standin = self.server.standin
        if self.path == "/recipients":
            self.answer(200, {}, str(standin.recipients).encode())
        elif self.path == "/counts":
            self.answer(200, {}, orjson.dumps(standin.totals()))
        else:
            self.answer(*standin.schedules.get(self.path))

    def log_message(self, *_: object) -> None:
        """An access log would hold nothing that a test asks for."""

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def take(self) -> Answer:
        """Read, check, keep; the answer that SendGrid would give."""
        raw = self.read()
        standin = self.server.standin
        try:
            if self.headers.get("Authorization") != f"Bearer {standin.key}":
                raise RefusedError(401, Fault("The provided authorization grant is invalid, expired, or revoked"))
            message_id = standin.take(check(raw, self.headers.get("Content-Type", "")))
        except RefusedError as error:
            return error.status, {"Content-Type": "application/json"}, error.body()
        return 202, {"X-Message-Id": message_id}, b""

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """In one write: two of them cost a delayed acknowledgement."""
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "\r\n"]).encode() + body)

    def drip(self, content: bytes, pause: float) -> None:
        """Byte after byte, for as long as anyone listens; `content`, and then rubbish."""
        self.close_connection = True
        for byte in itertools.chain(content, itertools.repeat(ord("x"))):
            if self.server.standin.ended.wait(pause):
                return
            self.wfile.write(bytes([byte]))

    def hang(self) -> None:
        """Hold the connection and say nothing."""
        self.close_connection = True
        self.server.standin.ended.wait()

    def reset(self) -> None:
        """Close so that the other side sees a reset, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def ok(exchange: Exchange) -> None:
    """Take what the rules allow."""
    exchange.answer(*exchange.take())


def slow(seconds: float) -> Behaviour:
    """Take it, and answer after a while, as a provider far away does."""

    def behave(exchange: Exchange) -> None:
        answer = exchange.take()
        exchange.server.standin.ended.wait(seconds)
        exchange.answer(*answer)

    return behave


def unnamed(exchange: Exchange) -> None:
    """Take it, and leave X-Message-Id out."""
    status, _, body = exchange.take()
    exchange.answer(status, {}, body)


def taken_and_silent(exchange: Exchange) -> None:
    """Take it, and never answer."""
    exchange.take()
    exchange.hang()


def taken_and_reset(exchange: Exchange) -> None:
    """Take it, and reset the connection before the answer."""
    exchange.take()
    exchange.reset()


def taken_and_cut(exchange: Exchange) -> None:
    """Take it, and close in the middle of the answer."""
    exchange.take()
    exchange.close_connection = True
    exchange.wfile.write(b"HTTP/1.1 202 Acc")


def reset_unread(exchange: Exchange) -> None:
    """Reset the connection before the body is read."""
    exchange.reset()


def silent(exchange: Exchange) -> None:
    """Read it, take nothing, and never answer."""
    exchange.read()
    exchange.hang()


def status(code: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """Take nothing, and answer with `code`."""

    def behave(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(code, headers or {}, body)

    return behave


def redirect(to: str, code: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return status(code, headers={"Location": to})


def drip(content: bytes, pause: float = 0.05) -> Behaviour:
    """Read it, take nothing, and answer byte by byte, without an end."""

    def behave(exchange: Exchange) -> None:
        exchange.read()
        exchange.drip(content, pause)

    return behave
