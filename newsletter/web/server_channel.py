"""A connection of the web server: what its client owes, and since when."""

from __future__ import annotations

import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, WSGITask

from newsletter.web.security_headers import HEADERS

HEADERS_WITHIN = 10.0
"""Seconds from the first byte of a request to the end of its headers."""
BODY_WITHIN = 30.0
"""Seconds from the first byte of a request to the end of its body."""
ANSWER_WITHIN = 60.0
"""Seconds in which an answer must have been read."""
IDLE_FOR = 15.0
"""Seconds that a connection is kept for its first or next request."""
LARGE = 65_536
"""Bytes in memory from which a connection is looked at with all others at once, and not at the next look."""
WEBHOOKS = "/hooks/"

_ADVICE = {413: "That was too much at once. Go back, and send less.\n"}
"""The next step for a person, who may have sent a large file with a form."""


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Takes larger bodies for webhooks than for pages."""

    adj: Any

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.path.startswith(WEBHOOKS):
            self.adj = self.adj.for_webhooks


class PlainErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers what is no HTTP request. It repeats nothing of it, and has the headers of every answer."""

    def execute(self) -> None:
        error = self.request.error
        body = f"{error.code} {error.reason}\n{_ADVICE.get(error.code, '')}".encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [*HEADERS.items(), ("Content-Type", "text/plain; charset=utf-8")]
        self.response_headers += [("Cache-Control", "no-store"), ("Connection", "close")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Task(WSGITask):  # type: ignore[misc]
    """Keeps the connection after a 304, which ends with its headers (RFC 9112, 6.3). waitress closes it, so a browser
    would open one for each page that it has already.
    """

    def set_close_on_finish(self) -> None:
        is_asked_to = self.version != "1.1" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if is_asked_to or self.wrote_header or not self.status.startswith("304"):
            super().set_close_on_finish()


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection with deadlines, which `is_overdue` applies: twice a second, and at once when one holds much."""

    parser_class = Parser
    task_class = Task
    error_task_class = PlainErrorTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._request_began = self._rested_since = time.monotonic()
        self._answers = 0
        self._is_last = False
        """Whether the connection ends with the present answer."""
        self._unread: tuple[int, float] | None = None
        """The answer that the client is reading, by its number, and since when."""
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        before = self.request
        went_on = bool(super().received(data))
        if self.request is not before:
            self._request_began = time.monotonic()
        self._keep_first()
        self._show_if_large()
        return went_on

    def _keep_first(self) -> None:
        """Answer the first of several requests that came at once, and close. Clients send the others again (RFC 9112,
        9.3.2); browsers and proxies send none before they have an answer.

        waitress would answer all of them. At 16 MB of answers its thread waits until the client reads, so each client
        that reads nothing would take a thread.
        """
        with self.requests_lock:
            others = self.requests[1:]
            if others:
                del self.requests[1:]
                self._is_last = True
        for request in others:
            request.close()

    def service(self) -> None:
        super().service()
        self._answers += 1
        self._rested_since = time.monotonic()
        self._show_if_large()
        if self._is_last:
            self.close_when_flushed = True
            self.server.pull_trigger()

    def _show_if_large(self) -> None:
        if self.buffered() > LARGE:
            self.server.look_now()

    def buffered(self) -> int:
        """Bytes in memory: of an unfinished body, and of answers that are not read yet."""
        request = self.request
        body = request.body_bytes_received if request is not None else 0
        return int(body + self.total_outbufs_len)

    def is_at_work(self) -> bool:
        """Whether a request is worked off, or its answer not written yet."""
        return bool(self.requests or self.total_outbufs_len)

    def is_overdue(self, now: float) -> bool:
        """Whether the client has used up its time at `now`, by the monotonic clock."""
        if self.requests:  # our turn
            return False
        if self.total_outbufs_len:
            if self._unread is None or self._unread[0] != self._answers:
                self._unread = (self._answers, now)
            return now - self._unread[1] > ANSWER_WITHIN
        self._unread = None
        request = self.request
        if request is None:
            return now - self._rested_since > IDLE_FOR
        return now - self._request_began > (BODY_WITHIN if request.headers_finished else HEADERS_WITHIN)
