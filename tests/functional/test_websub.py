"""The hub of the feeds hears of each new revision, once, in a job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.jobs import TELL_HUB
from newsletter.core.queue import EVENTS, Queues
from newsletter.core.runtime import Runtime
from newsletter.operations import enqueueing, websub
from tests.factories import add_article, add_readers, hand_over


class Hub:
    """A hub that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, list[str]]] = []
        self.status = 204
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                hub.told.append(parse_qs(body.decode()))
                self.send_response(hub.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_values: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.01,))
    thread.start()
    yield hub
    hub.server.shutdown()
    thread.join()
    hub.server.server_close()


@pytest.fixture
def service(db: Database, settings: Settings, hub: Hub, valkey_url: str, queues: Queues) -> Runtime:
    return Runtime(replace(settings, websub_hub=hub.address, redis_url=valkey_url), db)


def test_each_new_revision_is_told_once(service: Runtime, hub: Hub) -> None:
    websub.tell_hub(service)
    assert hub.told == []
    add_article(service.db, "A story", section="Größe & Co.")
    for _ in range(2):
        websub.tell_hub(service)
    (told,) = hub.told
    assert told["hub.mode"] == ["publish"]
    site = "https://letters.example.org/feeds"
    assert f"{site}/stories.atom" in told["hub.url"]
    assert f"{site}/sections/Gr%C3%B6%C3%9Fe%20%26%20Co..rss" in told["hub.url"]
    assert len(told["hub.url"]) == 12
    add_article(service.db, "A story", section="Größe & Co.", trust=1)
    websub.tell_hub(service)
    assert len(hub.told) == 2


def test_a_letter_is_told_once_it_stands_in_the_list(service: Runtime, hub: Hub) -> None:
    add_article(service.db, "A story")
    add_readers(service.db, 1)
    websub.tell_hub(service)
    hand_over(service.db, service.settings)
    for _ in range(2):
        websub.tell_hub(service)
    assert len(hub.told) == 2
    assert "https://letters.example.org/feeds/letters.json" in hub.told[1]["hub.url"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_hub_that_refuses_is_left_alone_until_the_next_story(service: Runtime, hub: Hub, status: int) -> None:
    hub.status = status
    add_article(service.db, "A story")
    for _ in range(2):
        websub.tell_hub(service)
    assert len(hub.told) == 1
    add_article(service.db, "Another story")
    websub.tell_hub(service)
    assert len(hub.told) == 2


def test_a_hub_that_is_away_harms_nobody(service: Runtime) -> None:
    add_article(service.db, "A story")
    websub.tell_hub(Runtime(replace(service.settings, websub_hub="http://127.0.0.1:9/"), service.db))


def test_the_clock_queues_the_job(service: Runtime, queues: Queues) -> None:
    def queued() -> list[str | None]:
        return [job.func_name for job in queues.queues[EVENTS].jobs]

    enqueueing.enqueue_due_work(service)
    assert queued() == []
    add_article(service.db, "A story")
    for _ in range(2):
        enqueueing.enqueue_due_work(service)
    assert queued() == [TELL_HUB]
    queues.redis.flushall()
    websub.tell_hub(service)
    enqueueing.enqueue_due_work(service)
    assert queued() == []


def test_without_a_hub_nothing_is_queued(db: Database, settings: Settings, valkey_url: str, queues: Queues) -> None:
    add_article(db, "A story")
    enqueueing.enqueue_due_work(Runtime(replace(settings, redis_url=valkey_url), db))
    assert queues.queues[EVENTS].jobs == []
