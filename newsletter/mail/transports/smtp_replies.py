"""A mail server's replies, as they come out of its socket (RFC 5321 4.2)."""

from __future__ import annotations

import math
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.redaction import redact

LONGEST_LINE = 8192
"""Octets of a line that are read."""
MOST_LINES = 100
"""Lines of a reply that are read."""
BEAT = 1.0
"""Seconds."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?\r?", re.DOTALL)


class ClosedError(Exception):
    """The conversation is over: the server closed it, fell silent, or sent something that is no reply.

    A message whose end was written before is in doubt; everything else was surely not taken.
    """


class GoodbyeError(ClosedError):
    """The server says that it closes the connection (421): it has not taken the message at hand."""


class SmtpReply(NamedTuple):
    """One reply: 2xx yes, 354 go on, 4xx come back later, 5xx no (RFC 5321 4.2.1)."""

    code: int
    text: str = ""
    """The reason of a no: one line, redacted. Empty for other replies."""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"

    @property
    def yes(self) -> bool:
        return self.code < 300

    @property
    def no(self) -> bool:
        return self.code >= 400


_YES, _GO_ON = b"250 ", b"354 "
_USUAL = {_YES: SmtpReply(250), _GO_ON: SmtpReply(354)}
"""A message that is accepted gets four of these; recognising them at once halves the CPU of reading."""


class ReplyReader:
    """Reads one reply after the other, however they are cut into packets, and waits `timeout` seconds for each."""

    def __init__(self, sock: socket.socket, timeout: float, deadline: Deadline) -> None:
        self.deadline = deadline
        """The deadline of all reading from now on."""
        self.keep_alive: Callable[[], None] = lambda: None
        """Called at least each BEAT while a reply is awaited."""
        self._sock = sock
        self._timeout = timeout
        self._lines: deque[bytes] = deque()
        self._begun = b""

    @property
    def unrequested(self) -> bool:
        """Whether the server has said more than was read as replies."""
        return bool(self._lines or self._begun)

    def group_accepted(self) -> bool:
        """Whether the answers to MAIL, RCPT and DATA have all come, and say yes: then they count as read.

        False says nothing about them: read them one by one.
        """
        lines = self._lines
        if len(lines) < 3 or (lines[0][:4], lines[1][:4], lines[2][:4]) != (_YES, _YES, _GO_ON):
            return False
        for _ in range(3):
            lines.popleft()
        return True

    def next(self, about: str = "", *, patient: bool = False) -> SmtpReply:
        """The next reply, without the address `about`. A patient reader waits until the deadline.

        Raises ClosedError, GoodbyeError for a 421.
        """
        if not self._lines:
            self._read(patient)
        usual = _USUAL.get(self._lines[0][:4])
        if usual is not None:
            self._lines.popleft()
            return usual
        said: list[bytes] = []
        while True:
            if not self._lines:
                self._read(patient)
            parts = _LINE.fullmatch(self._lines.popleft())
            if parts is None or len(said) == MOST_LINES:
                raise ClosedError
            code, separator, text = parts.groups(b"")
            said.append(text)
            if separator != b"-":
                break
        if code < b"400":
            return SmtpReply(int(code))
        if code == b"421":
            raise GoodbyeError
        return SmtpReply(int(code), quoted(b" ".join(said), about))

    def _read(self, patient: bool) -> None:
        """Read at least one more line."""
        end = math.inf if patient else time.monotonic() + self._timeout
        self._sock.settimeout(min(BEAT, self._timeout))
        while not self._lines:
            self.keep_alive()  # also while a reply drips, or comes line by line: then no read ends by its time-out
            try:
                piece = self._sock.recv(LONGEST_LINE)
            except TimeoutError as error:
                if self.deadline.passed or time.monotonic() >= end:
                    raise ClosedError from error
                continue
            except OSError as error:
                raise ClosedError from error
            if not piece or len(self._begun) > LONGEST_LINE:
                raise ClosedError
            *lines, self._begun = (self._begun + piece).split(b"\n")
            self._lines.extend(lines)


def quoted(text: bytes | str, about: str = "") -> str:
    """The words of a server, redacted for a sentence of ours."""
    return redact(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, about).rstrip(".")
