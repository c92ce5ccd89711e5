"""A local server that stands in for SendGrid, as strict as its documentation, and scripted to fail as it fails.

In a test: `with SendGridStandIn() as sendgrid: … sendgrid.mails()`. For a benchmark, as a process of its own that keeps
counts alone: `python -m tests.services.sendgrid_standin --port 8025 --fast`; GET /counts tells what it took.
"""

from __future__ import annotations

import argparse
import contextlib
import ssl
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from newsletter.core.config import Settings
from tests.services.sendgrid_exchange import Behaviour, Exchange, ok, slow
from tests.services.sendgrid_schedules import Schedules

KEY = "SG.a-key-for-tests"


class Mail(NamedTuple):
    """One mail as its reader would get it."""

    address: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    custom_args: dict[str, str]
    message_id: str


class SendGridStandIn:
    """Listens on 127.0.0.1. `behave` is asked for each request; `script` sets the behaviours of the next ones."""

    def __init__(
        self, key: str = KEY, port: int = 0, *, keep_counts_only: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.key = key
        self.behave: Callable[[int], Behaviour] | None = None
        self.requests: list[dict[str, Any]] = []
        """The documents of the requests that were taken."""
        self.message_ids: list[str] = []
        self.counts: Counter[str] = Counter()
        """How often each address was mailed."""
        self.recipients = 0
        self.asked = 0
        """Requests that came in."""
        self.ended = threading.Event()
        self.schedules = Schedules()
        self._keep = not keep_counts_only
        self._script: deque[Behaviour] = deque()
        self._lock = threading.Lock()
        self._server = StandInServer(("127.0.0.1", port), Exchange)
        self._server.standin = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def settings(self, settings: Settings) -> Settings:
        """The settings of a service that sends here, and that soon sees when no answer comes."""
        return replace(
            settings,
            mail_transport="sendgrid",
            sendgrid_api_key=self.key,
            sendgrid_host=self.url,
            mail_deadline=timedelta(seconds=3),
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self) -> None:
        """Serve in this thread until the process ends."""
        self._server.serve_forever()

    def script(self, *behaviours: Behaviour) -> None:
        self._script.extend(behaviours)

    def forget_script(self) -> None:
        """The scripted behaviours that no request met."""
        self._script.clear()

    def next_behaviour(self) -> Behaviour:
        with self._lock:
            number, self.asked = self.asked, self.asked + 1
            if self._script:
                return self._script.popleft()
        return self.behave(number) if self.behave else ok

    def take(self, document: dict[str, Any]) -> str:
        """Keep a request that passed the rules; its message id."""
        addresses = [to["email"] for one in document["personalizations"] for to in one["to"]]
        with self._lock:
            message_id = f"standin-{len(self.message_ids)}"
            self.message_ids.append(message_id)
            self.counts.update(addresses)
            self.recipients += len(addresses)
            if self._keep:
                self.requests.append(document)
        return message_id

    def mails(self) -> Iterator[Mail]:
        """Every mail that was taken and not cancelled, with substitutions made as SendGrid makes them: in content and
        subject."""
        for message_id, document in zip(self.message_ids, self.requests, strict=True):
            if document.get("batch_id") in self.schedules.cancelled:
                continue
            parts = {part["type"]: part["value"] for part in document["content"]}
            for one in document["personalizations"]:
                own = one.get("substitutions", {})
                yield Mail(
                    address=one["to"][0]["email"],
                    subject=_substituted(document["subject"], own),
                    text=_substituted(parts.get("text/plain", ""), own),
                    html=_substituted(parts.get("text/html", ""), own),
                    headers={**document.get("headers", {}), **one.get("headers", {})},
                    custom_args={**document.get("custom_args", {}), **one.get("custom_args", {})},
                    message_id=message_id,
                )

    def totals(self) -> dict[str, float]:
        """Counts for a benchmark; `twice` counts addresses that were mailed more than once."""
        return {
            "asked": self.asked,
            "taken": len(self.message_ids),
            "recipients": self.recipients,
            "addresses": len(self.counts),
            "twice": sum(1 for count in self.counts.values() if count > 1),
            "cpu_seconds": time.process_time(),
        }


def _substituted(text: str, substitutions: dict[str, str]) -> str:
    for placeholder, value in substitutions.items():
        text = text.replace(placeholder, value)
    return text


class StandInServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    standin: SendGridStandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="Stands in for SendGrid on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--fast", action="store_true", help="keep counts, not mails")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    standin = SendGridStandIn(options.key, options.port, keep_counts_only=options.fast)
    if options.latency:
        standin.behave = lambda _number: slow(options.latency)
    sys.stdout.write(f"{standin.url}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        standin.serve()


if __name__ == "__main__":
    main()
