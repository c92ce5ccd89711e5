"""SendGrid's event webhook: what it took is reported late, shuffled, repeated, and for some requests not at all."""

from __future__ import annotations

import heapq
import math
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Self

from tests.services import sendgrid_events
from tests.services.sendgrid_events import SendGridSigner

TRY_AGAIN = 0.5
"""Seconds until a post that got no 2xx comes again (SendGrid itself takes its time, and tries for a day)."""
LOOK = 0.05


class Reports:
    """Posts to `url` about what stands in `documents`, from a thread of its own, until the end of the `with`."""

    def __init__(
        self, documents: Callable[[], list[dict[str, Any]]], url: str, signer: SendGridSigner, rng: random.Random
    ) -> None:
        self.posted = 0
        self.failed = 0
        """Posts that had to be tried again."""
        self._documents = documents
        self._url = url
        self._signer = signer
        self._rng = rng
        self._seen = 0
        self._due: list[tuple[float, int, dict[str, Any]]] = []
        self._number = 0
        self._hurry = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def open(self) -> bool:
        """Whether something is still to be reported."""
        return bool(self._due) or self._seen < len(self._documents())

    def hurry(self) -> None:
        """No more delays: what is late comes now."""
        self._hurry = True

    def _run(self) -> None:
        while not self._ended.wait(LOOK):
            documents = self._documents()
            while self._seen < len(documents):
                self._make(documents[self._seen])
                self._seen += 1
            if events := self._take_due():
                self._rng.shuffle(events)
                self._post(events)

    def _make(self, document: dict[str, Any]) -> None:
        """Events about some readers of a request, or about none; some of them twice."""
        if self._rng.random() < 0.4:
            return
        names = document["custom_args"]
        people = document["personalizations"]
        for one in self._rng.sample(people, self._rng.randint(1, min(len(people), 12))):
            for word in ("processed", "delivered"):
                address, more = one["to"][0]["email"], names | one["custom_args"]
                event = sendgrid_events.event(word, address, time.time(), **more)
                for _ in range(self._rng.choice([1, 1, 1, 2, 3])):
                    self._later(self._rng.choice([0.0, self._rng.uniform(0, 10)]), event)

    def _later(self, seconds: float, event: dict[str, Any]) -> None:
        self._number += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._number, event))

    def _take_due(self) -> list[dict[str, Any]]:
        until = math.inf if self._hurry else time.monotonic()
        events = []
        while self._due and self._due[0][0] <= until:
            events.append(heapq.heappop(self._due)[2])
        return events

    def _post(self, events: list[dict[str, Any]]) -> None:
        """One post; what gets no 2xx comes again, among other events."""
        body = sendgrid_events.body(*events)
        headers = self._signer.headers(body, time.time())
        request = urllib.request.Request(f"{self._url}/hooks/sendgrid", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=5):
                self.posted += 1
        except (urllib.error.URLError, OSError):
            self.failed += 1
            for event in events:
                self._later(0, event)
            self._ended.wait(TRY_AGAIN)
