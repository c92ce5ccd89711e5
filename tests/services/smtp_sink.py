"""A small and fast mail server on 127.0.0.1 that offers PIPELINING and can be scripted to fail at any point.

In a test: `with SmtpSink() as sink: … sink.mails`. For a benchmark, as a process of its own that keeps counts alone:
`python -m tests.services.smtp_sink --port 2525` prints its URL and, when it is terminated, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import threading
import time
from collections import Counter, defaultdict, deque
from contextlib import suppress
from typing import Self

from tests.services.certificates import Certificate
from tests.services.smtp_server import Received
from tests.services.smtp_sink_conversation import Conversation, Say

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8")


class SmtpSink:
    """Started by `with`. `script["MAIL"]` holds the next answers to MAIL; so do EHLO, RCPT, DATA, RSET, "." (the end of
    a message) and "" (the greeting). None stands for the usual answer. `rcpt` holds the answer for an address.

    `cuts` holds, for each message that comes, after how many octets the connection is cut; None for not at all.
    `forgetful`: what came together with a command is thrown away, as by servers that should not offer PIPELINING.
    With a `certificate` it speaks TLS from the first octet.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        keep_counts_only: bool = False,
        extensions: tuple[str, ...] = EXTENSIONS,
        forgetful: bool = False,
        certificate: Certificate | None = None,
    ) -> None:
        self.script: defaultdict[str, deque[str | Say | None]] = defaultdict(deque)
        self.cuts: deque[int | None] = deque()
        self.rcpt: dict[str, str] = {}
        self.usual_rcpt = "250 OK"
        """The answer for every other address."""
        self.crashes_at: set[str] = set()
        """Addresses at which the connection ends."""
        self.most_messages: int | None = None
        """So many messages are taken over one connection, which then ends."""
        self.extensions = extensions
        self.forgetful = forgetful
        self.keep = not keep_counts_only
        self.mails: list[Received] = []
        self.commands: list[str] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        """How often a recipient was sent a Message-ID."""
        self.connections = 0
        self.most_unanswered = 0
        """Messages, at most, that were here at the same time and had no answer."""
        self.turns = 0
        """How often it had worked through all that came, answered, and waited for more."""
        self.ended = threading.Event()
        self._unanswered = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._listening = socket.create_server(("127.0.0.1", port), backlog=64)
        # Fixed, or the kernel lets it grow to 33 MB: then a test could not tell what is on its way from what was read.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        self._tls = certificate.server_context() if certificate else None
        self.url = f"smtp{'s' if certificate else ''}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        _shut(self._listening)
        self._threads[0].join()
        for connection in self._open:
            _shut(connection)
        for thread in self._threads[1:]:
            thread.join()
        self._listening.close()

    def next_step(self, verb: str, usual: str) -> Say:
        """The next step of the script, or the usual answer."""
        steps = self.script.get(verb)
        step = (steps.popleft() if steps else None) or usual
        return Say(step) if isinstance(step, str) else step

    def take(self, mail: Received) -> None:
        """Keep it. The Message-ID is counted as it stands."""
        message_id = mail.content.partition(b"Message-ID: <")[2].partition(b">")[0]
        with self._lock:
            self.counts[mail.recipient, message_id.decode("ascii", "replace")] += 1
            if self.keep:
                self.mails.append(mail)

    def count_unanswered(self, change: int) -> None:
        with self._lock:
            self._unanswered += change
            self.most_unanswered = max(self.most_unanswered, self._unanswered)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._tls:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    Conversation(self, encrypted).run()
            else:
                Conversation(self, connection).run()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with SmtpSink(parser.parse_args().port, keep_counts_only=True) as sink:
        sys.stdout.write(f"{sink.url}\n")
        sys.stdout.flush()
        before = time.process_time()
        ended.wait()
    counts = {
        "mails": sink.counts.total(),
        "different": len(sink.counts),
        "most_unanswered": sink.most_unanswered,
        "cpu_seconds": time.process_time() - before,
    }
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
