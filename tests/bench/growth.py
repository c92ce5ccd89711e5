"""Growth: the CPU of pages, imports and digests with 10 articles and with 100,000, and that of an exported row with
10,000 readers and with 1,000,000; on SQLite and on PostgreSQL, whose server's CPU is counted too.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import psutil
from flask.testing import FlaskClient

from newsletter.app import create_app
from newsletter.articles import page, queries
from newsletter.articles.importing import import_page
from newsletter.articles.remarks import remarks
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database
from newsletter.digests import composing
from newsletter.digests.picked_articles import Rule
from newsletter.subscribers.files import csv_export
from newsletter.subscribers.models import SubscriberStatus
from tests.bench.databases import KINDS, databases_of, insert_by_driver, migrated, read_by_driver
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_most, goal
from tests.factories import REAL_ARTICLE
from tests.filling import CREATED, NEWEST_DAY, bring_up_to_date, fill_archive

FEW_ARTICLES = 10
FEW_READERS = 10_000
MOST = 1.2
"""Times the CPU at the small size."""
MOST_OF_FLOOR = 1.8
"""Times the CPU of the driver and `csv` for the same columns of the same rows."""
ROUNDS = 7
"""Small and large take turns, and of each the quickest round counts: other things on the machine make it slower."""
READER_COLUMNS = (
    *("address", "address_key", "status", "token", "cadence", "sections", "min_trust", "breaking"),
    *("format", "language", "created_at", "confirmations_sent", "confirmed_at"),
)

Action = Callable[[], object]


def measure(readers: int) -> list[Row]:
    """With `readers` (1,000,000) and a tenth as many articles."""
    return [*_articles(readers // 10), *_readers(readers)]


def _articles(articles: int) -> list[Row]:
    rows = []
    for kind in KINDS:
        with databases_of(kind, 2) as urls:
            sites = [_site(url, size) for url, size in zip(urls, (FEW_ARTICLES, articles), strict=True)]
            for what in sites[0]:
                small, large = _quickest([site[what] for site in sites])
                rows.append(Row(f"{kind}: {what}, {FEW_ARTICLES} articles", small * 1e3, "ms of CPU"))
                rows.append(at_most(f"… {articles:,} articles", large / small, "× that", MOST))
    return rows


def _site(url: str, articles: int) -> dict[str, Action]:
    """What is measured, in a database with so many articles."""
    database = migrated(url)
    fill_archive(database, articles, revisions=1)
    client = create_app(replace(SETTINGS, database_url=url), serving=False).test_client()
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    numbers = count()

    def import_story() -> None:
        with database.transaction() as session:
            remarks(real, queries.sections(session))
            import_page(session, replace(real, title=f"A new story, number {next(numbers)}", section="Section 00"))

    def compose() -> None:
        with database.transaction() as session:
            composing.compose_draft(session, Rule(Cadence.WEEKLY, since=NEWEST_DAY - timedelta(days=6)))

    paths = ("/", "/subscribe", "/articles", "/articles/story-7")
    pages = {path: _opening(client, path) for path in paths}
    return {**pages, "an imported story": import_story, "a composed digest": compose}


def _opening(client: FlaskClient, path: str) -> Action:
    def open_page() -> None:
        if client.get(path).status_code != 200:
            raise RuntimeError(f"{path} is not answered")

    return open_page


def _readers(readers: int) -> list[Row]:
    rows = []
    for kind in KINDS:
        with databases_of(kind, 2) as urls:
            small, large = (_with_readers(url, size) for url, size in zip(urls, (FEW_READERS, readers), strict=True))
            few = min(_cpu_of(partial(_export, small)) for _ in range(ROUNDS)) / FEW_READERS
            both = [partial(_write_by_driver, large), partial(_export, large)]
            rounds = [[_cpu_of(action) / readers for action in both] for _ in range(3)]
            floor, many = (min(each) for each in zip(*rounds, strict=True))
        rows += [
            Row(f"{kind}: an exported row of {FEW_READERS:,}", few * 1e6, "µs of CPU"),
            at_most(f"… of {readers:,}", many / few, "× that", MOST),
            goal(f"{kind}: an export of {readers:,} readers", many * readers, "s of CPU", "≤ 8"),
            at_most("… beside the driver and csv", many / floor, "× that", MOST_OF_FLOOR),
        ]
    return rows


def _with_readers(url: str, readers: int) -> Database:
    database = migrated(url)
    insert_by_driver(database, "subscribers", READER_COLUMNS, _people(readers, is_sqlite=database.is_sqlite))
    bring_up_to_date(database)
    return database


def _people(readers: int, *, is_sqlite: bool) -> Iterator[tuple[object, ...]]:
    moment = CREATED.strftime("%Y-%m-%d %H:%M:%S.%f" + ("" if is_sqlite else "+00"))
    for n in range(readers):
        address = f"reader{n}@readers{n % 97}.example"
        sections = f'["Models", "Section {n % 20}"]'
        preferences = ("weekly", sections, n % 100, False, "html", "en")
        yield (address, address, "active", f"token-{n}", *preferences, moment, 0, moment)


def _export(database: Database) -> None:
    with Path(os.devnull).open("w") as file:
        writer = csv_export.CsvWriter(file)
        for lines in csv_export.exported_lines(database, list(SubscriberStatus)):
            writer.write(lines)


def _write_by_driver(database: Database) -> None:
    columns = ", ".join(("address", *csv_export.COLUMNS[1:])).replace("sections", "CAST(sections AS TEXT)")
    rows = read_by_driver(database, f"SELECT id, {columns} FROM subscribers ORDER BY id")
    with Path(os.devnull).open("w") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _quickest(actions: list[Action], seconds: float = 0.15) -> list[float]:
    """CPU seconds of each action once."""
    for action in actions:
        action()
    times = max(1, round(seconds / _cpu_of(actions[0])))
    rounds = [[_cpu_of(action, times) / times for action in actions] for _ in range(ROUNDS)]
    return [min(each) for each in zip(*rounds, strict=True)]


def _cpu_of(action: Action, times: int = 1) -> float:
    began = time.process_time() + _cpu_of_servers()
    for _ in range(times):
        action()
    return time.process_time() + _cpu_of_servers() - began


def _cpu_of_servers() -> float:
    """CPU seconds so far of the processes that this one started: PostgreSQL's."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            found += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
        except OSError:  # it has just ended
            continue
    return found
