"""Every page of the desk with a million readers and 50,000 stories, beside a bare Flask route that reads one row by its
key; on SQLite and on PostgreSQL.

Both are served by the same web server and asked in turns. What counts is the CPU of all servers, PostgreSQL's too:
nobody waits for anything else, and what a machine does besides does not change it. Growth is that from a hundredth of
the readers and stories.
"""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from flask import Flask

from newsletter.app import create_app
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.operations.digest_samples import send_sample
from newsletter.staff import links, people
from newsletter.staff.models import StaffLinkPurpose
from newsletter.subscribers.preferences import Preferences
from newsletter.web.desk.access import Everybody, access_of
from tests.bench.cpu import cpu_of_descendants
from tests.bench.databases import KINDS, databases_of, migrated
from tests.bench.public_pages import serving
from tests.bench.result import Row, at_most
from tests.bench.signups import BARE, OURS, bench_settings
from tests.large_world.filling import fill_world
from tests.large_world.pages import DeskPage, Examples, desk_pages
from tests.large_world.present import Present
from tests.services import desk

BARE_PORT, SMALL_PORT, LARGE_PORT = 8500, 8501, 8502
ROUNDS = 21
"""Of each page. Growth compares the cheapest: on a shared machine seven showed pages that read nothing of the archive
at 1.4 times."""
BARE_REQUESTS = 20
SMALLER = 100
"""Times, the world from which growth is measured."""

MOST = 0.15
"""Seconds of a page."""
MOST_PREVIEW = 0.3
MOST_FIRST_COUNT = 1.5
"""Seconds until it is known who gets what."""
MOST_OF_BARE = 25
MOST_GROWTH = 1.2

Action = Callable[[], None]


@dataclass
class World:
    """A service with its pages, by endpoint and path; nobody serves it yet."""

    app: Flask
    settings: Settings
    examples: Examples
    cookie: str

    def pages(self) -> list[DeskPage]:
        return list(desk_pages(self.app, self.examples))

    def action(self, port: int, page: DeskPage) -> Action:
        """Asking the server on `port` for a page."""
        access = access_of(self.app.view_functions[page.endpoint])
        is_for_visitors = access is not None and access.need is Everybody.VISITOR
        host = self.settings.public_url.removeprefix("http://")
        return _request(port, page.path, {"Host": host} | ({} if is_for_visitors else {"Cookie": self.cookie}))


def measure(readers: int) -> list[Row]:
    """With so many readers (a million), and a story for each twenty of them."""
    return [row for kind in KINDS for row in _measure(kind, readers)]


def _measure(kind: str, readers: int) -> Iterator[Row]:
    with databases_of(kind, 2) as urls, ExitStack() as stack:
        sizes = (readers // SMALLER, readers)
        small, large = (stack.enter_context(_world(url, size)) for url, size in zip(urls, sizes, strict=True))
        yield from measure_worlds(kind, small, large)


@contextmanager
def _world(url: str, readers: int) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        valkey = EmbeddedValkey(Path(folder))
        valkey.ensure()
        try:
            settings = replace(bench_settings(Path(folder)), database_url=url, redis_url=f"unix://{valkey.socket}")
            db = migrated(url)
            present = fill_world(db, settings, count=readers, stories=readers // 20)
            db.dispose()
            yield open_world(settings, present)
        finally:
            valkey.stop()


def open_world(settings: Settings, present: Present) -> World:
    """A filled database with an admin who is signed in."""
    app = create_app(settings)
    db: Database = runtime_of(app).db
    number = desk.add_person(db, settings=settings)
    with db.transaction() as session:
        member = people.get_member(session, number)
        token = links.make_link(session, settings.signing_keys, member, StaffLinkPurpose.RESET)
    with app.app_context():
        send_sample(runtime_of(app), present.draft, "editor@dispatch.example", Preferences())
    (mail,) = (settings.maildir / "new").iterdir()
    cookie = f"{desk.cookie_name(settings)}={desk.start_session(db, number)}"
    db.dispose()
    return World(app, settings, Examples(present, number, token, mail.name), cookie)


def measure_worlds(kind: str, small: World, large: World, cpu: Callable[[], float] = cpu_of_descendants) -> list[Row]:
    """The rows of two worlds. `cpu` tells what all servers took so far."""
    with ExitStack() as stack:
        stack.enter_context(serving(large.settings, BARE, BARE_PORT))
        stack.enter_context(serving(small.settings, OURS, SMALL_PORT))
        stack.enter_context(serving(large.settings, OURS, LARGE_PORT))
        bare = _request(BARE_PORT, "/row/1", {})
        counting = DeskPage("desk.compose", f"/desk/digests/{large.examples.present.draft}/compose?count=editions")
        large.action(LARGE_PORT, DeskPage("desk.compose", counting.path.partition("?")[0]))()
        first = _cost(large.action(LARGE_PORT, counting), cpu)
        rows = [at_most(f"{kind}: who gets what, the first time", first, "s", MOST_FIRST_COUNT)]
        all_bare: list[float] = []
        for page, page_of_small in zip(large.pages(), small.pages(), strict=True):
            actions = (large.action(LARGE_PORT, page), small.action(SMALL_PORT, page_of_small))
            for action in (*actions, bare):
                action()
            rounds = [
                (_cost(bare, cpu, BARE_REQUESTS), *(_cost(action, cpu) for action in actions)) for _ in range(ROUNDS)
            ]
            of_bare, of_large, of_small = zip(*rounds, strict=True)
            most = MOST_PREVIEW if page.endpoint == "desk.preview" else MOST
            rows += [
                at_most(f"{kind}: {page.path}", median(of_large) * 1e3, "ms", most * 1e3),
                at_most("… beside the bare route", median(of_large) / median(of_bare), "× that", MOST_OF_BARE),
                at_most("… beside a hundredth", min(of_large) / min(of_small), "× that", MOST_GROWTH),
            ]
            all_bare += of_bare
    return [Row(f"{kind}: a bare route that reads a row by its key", median(all_bare) * 1e3, "ms"), *rows]


def _request(port: int, path: str, headers: dict[str, str]) -> Action:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask() -> None:
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):  # it was idle for long
            connection.close()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 204):
            raise AssertionError(f"{path} is answered {answer.status}")

    return ask


def _cost(ask: Action, cpu: Callable[[], float], times: int = 1) -> float:
    """CPU seconds of one request."""
    began = cpu()
    for _ in range(times):
        ask()
    return (cpu() - began) / times
