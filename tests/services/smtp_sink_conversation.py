"""The sink's side of one connection."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

from tests.services.smtp_server import Received

if TYPE_CHECKING:
    from tests.services.smtp_sink import SmtpSink

HEAD = 512
"""Octets of a message that are looked at when only counts are kept."""


class Say(NamedTuple):
    """A scripted answer. `text` may have several lines. `cut`: so many octets go out, then the connection is cut.
    `drip`: seconds before each octet. `pause`: seconds before the answer.

    A message is taken if the text that answers it begins with 2, whether or not the client hears of it.
    """

    text: str
    cut: int | None = None
    drip: float = 0.0
    pause: float = 0.0

    @property
    def kind(self) -> str:
        return self.text[0]


class EndError(Exception):
    """The connection is over."""


class Conversation:
    """Answers are held back until all that came was worked through, as other servers do it."""

    def __init__(self, sink: SmtpSink, connection: socket.socket) -> None:
        self._sink = sink
        self._connection = connection
        self._input = Input(connection)
        self._answers: list[bytes] = []
        self._unanswered = 0
        self._messages = 0
        self._sender: str | None = None
        self._options: tuple[str, ...] = ()
        self._recipient: str | None = None

    def run(self) -> None:
        """Until either side has had enough."""
        connection = self._connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._say("", "220 sink.example ESMTP")
            while True:
                if not self._input.has_line():
                    self._flush()
                self._command(self._input.line())
        except (EndError, OSError):
            self._all_is_answered()  # by the end of the connection

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        if self._sink.keep:
            self._sink.commands.append(verb)
        if self._sink.forgetful:
            self._input.forget()
        if verb == "MAIL":
            self._mail(line)
        elif verb == "RCPT":
            self._rcpt(line)
        elif verb == "DATA":
            self._data()
        elif verb == "EHLO":
            self._say(
                verb, "250-sink.example\n" + "".join(f"250-{name}\n" for name in self._sink.extensions) + "250 OK"
            )
        elif verb == "QUIT":
            self._perform(Say("221 Bye", cut=9))
        else:
            self._sender = self._recipient = None
            self._say(verb, "250 OK" if verb in ("RSET", "NOOP") else "500 What?")

    def _mail(self, line: str) -> None:
        if self._messages == self._sink.most_messages:
            self._flush()
            raise EndError
        address, _, options = line[11:].partition(">")
        if self._say("MAIL", "503 RSET first" if self._sender is not None else "250 OK") == "2":
            self._sender, self._options = address, tuple(options.split())

    def _rcpt(self, line: str) -> None:
        address = line[9:-1]
        if address in self._sink.crashes_at:
            self._flush()
            raise EndError
        usual = "503 MAIL first" if self._sender is None else self._sink.rcpt.get(address, self._sink.usual_rcpt)
        if self._say("RCPT", usual) == "2":
            self._recipient = address

    def _data(self) -> None:
        if self._say("DATA", "354 Go on" if self._recipient else "554 No valid recipients") != "3":
            return
        self._flush()
        cut = self._sink.cuts.popleft() if self._sink.cuts else None
        content = self._input.content(None if self._sink.keep else HEAD, cut)
        step = self._sink.next_step(".", "250 OK" if self._recipient else "554 No valid recipients")
        if self._recipient and step.kind == "2":
            self._sink.take(Received(self._sender or "", self._recipient, self._options, content))
        self._sender = self._recipient = None
        self._unanswered += 1
        self._messages += 1
        self._sink.count_unanswered(1)
        self._perform(step)

    def _say(self, verb: str, usual: str) -> str:
        """The first digit of the answer."""
        return self._perform(self._sink.next_step(verb, usual))

    def _perform(self, step: Say) -> str:
        octets = step.text.replace("\n", "\r\n").encode() + b"\r\n"
        if step.pause:
            self._flush()
            if self._sink.ended.wait(min(step.pause, threading.TIMEOUT_MAX)):
                raise EndError
        if step.drip or step.cut is not None:
            self._flush()
            for octet in octets[: step.cut]:
                if self._sink.ended.wait(step.drip):
                    raise EndError
                self._connection.sendall(bytes([octet]))
            if step.cut is not None:
                raise EndError
            self._all_is_answered()
        else:
            self._answers.append(octets)
        if step.text.startswith("421"):
            self._flush()
            raise EndError
        return step.kind

    def _flush(self) -> None:
        self._all_is_answered()
        if self._answers:
            answers = b"".join(self._answers)
            self._answers.clear()
            self._sink.turns += 1
            self._connection.sendall(answers)

    def _all_is_answered(self) -> None:
        """Called just before the client learns of it, since it may be quick."""
        if self._unanswered:
            self._sink.count_unanswered(-self._unanswered)
            self._unanswered = 0


class Input:
    """The input, in one buffer that is not copied: the benchmarks need a sink that is faster than we are."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray(1 << 20)
        self._start = self._end = 0

    def has_line(self) -> bool:
        return self._buffer.find(b"\n", self._start, self._end) >= 0

    def line(self) -> str:
        """The next line, without its end."""
        while (end := self._buffer.find(b"\n", self._start, self._end)) < 0:
            self._more()
        line = self._buffer[self._start : end].decode("utf-8", "replace").rstrip("\r")
        self._start = end + 1
        return line

    def content(self, most: int | None, cut: int | None) -> bytes:
        """A message up to the dot that ends it, at most `most` octets of it; ends it all after `cut` octets."""
        searched = 0
        while (end := self._end_of_content(searched)) < 0:
            searched = max(self._end - self._start - 4, 0)
            if cut is not None and self._end - self._start >= cut:
                raise EndError
            self._more()
        if cut is not None:
            raise EndError
        content = bytes(self._buffer[self._start : end if most is None else min(end, self._start + most)])
        self._start = end + 3
        return content.replace(b"\r\n..", b"\r\n.")

    def forget(self) -> None:
        """Throw away what was read and not looked at."""
        self._start = self._end

    def _end_of_content(self, searched: int) -> int:
        """Where the last dot is, or -1; so many octets were `searched` before."""
        if self._buffer.startswith(b".\r\n", self._start, self._end):
            return self._start
        found = self._buffer.find(b"\r\n.\r\n", self._start + searched, self._end)
        return found + 2 if found >= 0 else -1

    def _more(self) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        if self._end == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        with memoryview(self._buffer) as whole, whole[self._end :] as free:
            size = self._connection.recv_into(free)
        if not size:
            raise EndError
        self._end += size
