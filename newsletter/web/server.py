"""The web server: waitress, with an end for everything that a client may take its time over.

waitress reads requests in one loop and hands only whole ones to its threads, so a slow client costs a socket and no
thread. By itself it lets a client drip for ever; here headers, body and answer have deadlines. The application is
loaded before the server is made, so that it can be forked into several processes that accept on one socket
(docs/decisions/0011).
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from newsletter.core import one_cpu, shutdown
from newsletter.core.errors import ConfigurationError
from newsletter.web.server_channel import Channel
from newsletter.web.server_log import quiet_waitress

THREADS = 8
MOST_CONNECTIONS = 400
"""Open connections of a process. More wait in the kernel's queue, and each of these ends by a deadline."""
MOST_BUFFERED = 64_000_000
"""Bytes of unfinished bodies and of answers that are not read yet. Beyond it the largest ones are given up."""
LARGEST_HEADERS = 32_768
LARGEST_BODY = 1_000_000
LARGEST_WEBHOOK = 4_000_000
"""Bytes. SendGrid posts its events when it has a few hundred kilobytes, or after a moment."""
STOP_WITHIN = 4.0
"""Seconds that requests at work get to end after SIGTERM."""

SWITCH_EVERY = 0.001
"""Seconds that a thread runs Python while others wait to. At Python's 5 ms the loop gets its turn late, and a burst of
sign-ups takes a tenth longer (measured)."""
_LOOK_EVERY = 0.5
"""Seconds between two looks at deadlines while connections are open."""
_REST = 60.0
"""Seconds that the loop sleeps while none is; a new connection wakes it."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; forked processes share it. Raises ConfigurationError when the place is taken or wrong."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(1024)
    except OSError as error:
        raise ConfigurationError(
            "setting.address_in_use",
            "HOST %(host)s, PORT %(port)s: nothing can listen there (%(reason)s).",
            host=host,
            port=port,
            reason=error.strerror or "no such host",
        ) from error
    return found


def serve(application: Callable[..., Any], listening: socket.socket, cpu: int | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT, on one CPU (`core.one_cpu`). Requests at work then get STOP_WITHIN
    seconds to end.
    """
    quiet_waitress()
    one_cpu.keep_to(cpu)
    sys.setswitchinterval(SWITCH_EVERY)
    server = Server(application, listening)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, server.stop)
    server.run()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """One process's server on a listening socket that it may share with others."""

    channel_class = Channel

    def __init__(self, application: Callable[..., Any], listening: socket.socket) -> None:
        adjustments = _adjustments(LARGEST_BODY)
        adjustments.for_webhooks = _adjustments(LARGEST_WEBHOOK)
        information = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(
            application, _sock=listening, adj=adjustments, sockinfo=information, bind_socket=False, _start=True
        )

    def run(self) -> None:
        while not shutdown.requested():
            wasyncore.poll2(_LOOK_EVERY if self.active_channels else _REST, self._map)
        self.accepting = False
        self.del_channel()  # the socket stays open for the processes that share it
        end = time.monotonic() + STOP_WITHIN
        while time.monotonic() < end and any(channel.is_at_work() for channel in self.active_channels.values()):
            wasyncore.poll2(0.1, self._map)
        self.task_dispatcher.shutdown(timeout=max(end - time.monotonic(), 0.1))

    def stop(self, _signum: int, _frame: FrameType | None) -> None:
        """Have `run` end (a signal handler)."""
        shutdown.request()
        self.pull_trigger()

    def look_now(self) -> None:
        """Have the loop look at all connections in its next turn."""
        self.next_channel_cleanup = 0

    def maintenance(self, _now: float) -> None:
        """Close connections that have used up their time, and those that hold the most when all hold too much."""
        now = time.monotonic()
        buffered = 0
        for channel in sorted(self.active_channels.values(), key=Channel.buffered):
            buffered += channel.buffered()
            if channel.is_overdue(now) or buffered > MOST_BUFFERED:
                channel.handle_close()  # not `will_close`, which waits until the client reads


def _adjustments(largest_body: int) -> Adjustments:
    found = Adjustments(
        threads=THREADS,
        connection_limit=MOST_CONNECTIONS,
        max_request_header_size=LARGEST_HEADERS,
        max_request_body_size=largest_body + 1,
        # In memory: a temporary file would hold addresses.
        inbuf_overflow=LARGEST_WEBHOOK + 1,
        outbuf_overflow=100_000_000,
        # ProxyFix reads X-Forwarded-For as far as TRUSTED_PROXIES says.
        clear_untrusted_proxy_headers=False,
        ident=None,
        log_socket_errors=False,
    )
    # Not an argument: waitress would make a whole number of it, 0, and look at all connections in each turn of a loop.
    found.cleanup_interval = _LOOK_EVERY
    return found
