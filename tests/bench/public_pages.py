"""Public pages beside a bare Flask route, and the search, with 100,000 stories and 2,000 letters; on SQLite and on
PostgreSQL. And the share image.

The bare route returns a constant and asks no database. Both are served by the same server, in turns.
"""

from __future__ import annotations

import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from statistics import median
from threading import Thread

from newsletter.articles import article_list, share_image
from newsletter.articles.article_filter import ArticleFilter
from newsletter.articles.share_image.drawing import LONGEST_TITLE
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.search import SearchQuery
from newsletter.embedded.supervisor import Supervisor
from tests.bench.answers import read_answer
from tests.bench.databases import KINDS, database_of, migrated
from tests.bench.result import Row, at_least, at_most
from tests.bench.signups import BARE, OURS, SERVE, bench_settings
from tests.filling import NEWEST_DAY, fill_archive, fill_letters, fill_search
from tests.services.patience import PATIENCE
from tests.services.processes import environment_of

PORT = 8490
CLIENTS = 4
SECONDS = 0.6
ROUNDS = 7
"""Of so many seconds each; bare and own routes take turns."""
SEARCHES = 300


def _vocabulary(size: int) -> list[str]:
    """Different words of five to ten letters. Of their beginnings of three letters the commonest has 2 % of them, as
    "con" in English, and 400 share the others ever less evenly.
    """
    choose = random.Random(3)
    syllables = [first + vowel for first in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
    beginnings = [syllable + letter for syllable in syllables for letter in "nrst"][:400]
    choose.shuffle(beginnings)
    weights = [1 / (rank + 10) for rank in range(1, len(beginnings) + 1)]
    found: dict[str, None] = {}
    while len(found) < size:
        ending = "".join(choose.choices(syllables, k=choose.choice((1, 2, 3)))) + choose.choice(("", "s"))
        found[choose.choices(beginnings, weights)[0] + ending] = None
    return list(found)


VOCABULARY = _vocabulary(50_000)
"""The second is half as frequent as the first, the third a third, as in a language."""
_WEIGHTS = list(accumulate(1 / rank for rank in range(1, len(VOCABULARY) + 1)))
SHORTEST_TYPED = 3
"""Letters of a word that somebody stops typing."""

PAGES = {
    "article page": "/articles/story-50",
    "letter": f"/letters/{NEWEST_DAY}-daily",
    "list of stories": "/articles",
    "feed": "/feeds/stories.atom",
}


def measure(stories: int) -> list[Row]:
    """With so many stories (100,000), and a fiftieth as many letters."""
    return [*_share_image(), *(row for kind in KINDS for row in _measure(kind, stories))]


def _share_image() -> Iterator[Row]:
    """A process draws few of them, so what it loads for the first one is left out."""
    title = "Regulators in eleven countries agree on words for the training data of large models. " * 8
    words = share_image.Words(
        "Dispatch", "Policy · 2 May 2026", title[:LONGEST_TITLE], 69, "Trust 69", "fair", "Some hype"
    )
    drawn, times = share_image.png(share_image.svg(words)), []
    for _ in range(ROUNDS):
        began = time.process_time()
        share_image.png(share_image.svg(words))
        times.append(time.process_time() - began)
    yield at_most("a share image with the longest title", median(times) * 1e3, "ms of CPU", 120)
    yield at_most("… its size", len(drawn) / 1e3, "kB", 80)


def _measure(kind: str, stories: int) -> list[Row]:
    with database_of(kind) as url, tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        database = migrated(url)
        fill_archive(database, stories, revisions=1)
        fill_letters(database, stories // 50)
        fill_search(database, stories, words)
        settings = replace(bench_settings(Path(folder)), database_url=url)
        rows = [*_pages(kind, settings), *_searches(kind, database)]
        database.dispose()
        return rows


def words(choose: random.Random) -> list[str]:
    """The words of a story of 290 words."""
    return choose.choices(VOCABULARY, cum_weights=_WEIGHTS, k=290)


def _pages(kind: str, settings: Settings) -> Iterator[Row]:
    with ExitStack() as stack:
        stack.enter_context(serving(settings, BARE, PORT))
        stack.enter_context(serving(settings, OURS, PORT + 1))
        for name, path in PAGES.items():
            etag = _get(PORT + 1, path)[0]
            bare, whole, unchanged = [], [], []
            for _ in range(ROUNDS):
                bare.append(_rate(PORT, "/"))
                whole.append(_rate(PORT + 1, path) / bare[-1])
                unchanged.append(_rate(PORT + 1, path, etag) / bare[-1])
            yield Row(f"{kind}: a bare route that returns a constant", median(bare), "a second")
            yield at_least(f"{kind}: {name} beside it", median(whole), "of its rate", 0.5)
            yield at_least(f"{kind}: 304 for the {name} beside it", median(unchanged), "of its rate", 0.8)


def _searches(kind: str, database: Database) -> Iterator[Row]:
    choose, times = random.Random(12), []
    for _ in range(SEARCHES):
        typed = choose.choices(VOCABULARY, cum_weights=_WEIGHTS, k=choose.choice((1, 1, 2, 3)))
        typed[-1] = typed[-1][: choose.randint(SHORTEST_TYPED, len(typed[-1]))]
        query = SearchQuery.parse(" ".join(typed))
        began = time.perf_counter()
        with database.reading() as session:
            wanted = ArticleFilter(query=query)
            article_list.article_page(session, 10, wanted)
            article_list.count_articles(session, wanted)
        times.append(time.perf_counter() - began)
    times.sort()
    yield Row(f"{kind}: a search, median", median(times) * 1e3, "ms")
    yield at_most(f"{kind}: a search, p95", times[len(times) * 95 // 100] * 1e3, "ms", 50)


@contextmanager
def serving(settings: Settings, application: str, port: int) -> Iterator[None]:
    """A web server of the application of a module, on a port."""
    environment = environment_of(replace(settings, port=port)) | {"PYTHONPATH": str(Path(__file__).parents[2])}
    supervisor = Supervisor(environment, settings.data_dir / "log")
    try:
        supervisor.start("web", [sys.executable, "-c", SERVE.format(module=application)])
        end = time.monotonic() + PATIENCE
        while not _answers(port):
            if time.monotonic() > end:
                raise AssertionError(f"{application} does not answer")
            time.sleep(0.1)
        yield
    finally:
        supervisor.stop()


def _answers(port: int) -> bool:
    try:
        return bool(_get(port, "/"))
    except OSError:
        return False


def _request(path: str, etag: str = "") -> bytes:
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{condition}\r\n".encode()


def _get(port: int, path: str) -> tuple[str, bytes]:
    """The ETag and the body."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(_request(path))
        head, body = read_answer(connection)
    found = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"etag")]
    return (found[0].decode() if found else ""), body


def _rate(port: int, path: str, etag: str = "") -> float:
    """Requests a second of CLIENTS connections."""
    done = [0] * CLIENTS

    def ask(number: int) -> None:
        request, end = _request(path, etag), time.monotonic() + SECONDS
        expected = b"304" if etag else b"200"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < end:
                connection.sendall(request)
                assert read_answer(connection)[0][9:12] == expected
                done[number] += 1

    threads = [Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - began)
