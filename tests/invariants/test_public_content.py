"""Each change of what the public can see raises the version of public content, so that no cached page is stale."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.orm import Session

from newsletter.articles.models import Article, Revision
from newsletter.core.config import Settings
from newsletter.core.db import Database, insert_ignoring, raise_version, table_of
from newsletter.migrations.tables import metadata
from newsletter.web.page_cache import is_cached
from tests.factories import add_article, add_readers, hand_over
from tests.invariants.test_pages import Examples
from tests.invariants.test_state_owners import ROOT, modules

WATCHED = {table.name for table in metadata.sorted_tables if "is_public" in table.info}
READ_WITH_OTHERS = {
    "public_content": "it holds the version itself",
    "digest_articles": "each change raises the version of its digest",
    "digest_corrections": "they are written together with their digest",
    "digest_tallies": "the clock raises the version when it counts another figure",
    "monthly_figures": "the clock raises the version when it counts another figure",
    "batches": "a letter's page reads them until its digest is listed, and once it is closed: both change it",
    "editions": "they are read with batches",
    "rendered_digests": "the freeze writes them together with the status of their digest",
}
"""Tables that cached pages read and that are not watched, each with the reason."""


@contextmanager
def tables_read(db: Database) -> Iterator[set[str]]:
    """The names of the tables that statements read meanwhile."""
    names = re.compile(r"\b(" + "|".join(table.name for table in metadata.sorted_tables) + r")\b")
    found: set[str] = set()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.update(names.findall(statement))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What a view reads does not depend on the database."""


@once
def test_cached_pages_read_watched_tables_alone(app: Flask, db: Database, settings: Settings) -> None:
    examples, client = Examples(app, db, settings), app.test_client()
    hand_over(db, settings)
    adapter = app.url_map.bind("letters.example.org")
    found: dict[str, set[str]] = {}
    for address in examples.addresses():
        endpoint = str(adapter.match(address, method="GET")[0]) if adapter.test(address, "GET") else ""
        if is_cached(app, endpoint):
            with tables_read(db) as tables:
                assert client.get(address).status_code in (200, 302, 404), address
            found[endpoint] = tables - WATCHED - READ_WITH_OTHERS.keys()
    assert {"public.articles", "public.article", "public.revision"} <= found.keys()
    assert {endpoint: tables for endpoint, tables in found.items() if tables} == {}


@once
def test_only_views_that_are_kept_answer_for_proxies(app: Flask, db: Database, settings: Settings) -> None:
    """No other answer may be kept by a proxy but those of files, whose address changes with them."""
    client = app.test_client()
    adapter = app.url_map.bind("letters.example.org")
    for address in Examples(app, db, settings).addresses():
        headers = client.get(address).headers
        endpoint = str(adapter.match(address, method="GET")[0]) if adapter.test(address, "GET") else ""
        if not is_cached(app, endpoint):
            assert "s-maxage" not in headers["Cache-Control"], address
            assert "ETag" not in headers, address


def _delete_all(session: Session) -> None:
    session.execute(delete(Revision))


def _change_a_row(session: Session) -> None:
    session.scalars(select(Revision)).one().dek = "Other words"


WRITES: dict[str, Callable[[Session], Any]] = {
    "a changed row": _change_a_row,
    "a new row": lambda session: session.add(Article(slug="other")),
    "a deleted row": lambda session: session.delete(session.scalars(select(Article)).one()),
    "update": lambda session: session.execute(update(Revision).values(dek="Other words")),
    "delete": _delete_all,
    "insert": lambda session: session.execute(insert(Article), [{"slug": "other"}]),
    "insert into the table": lambda session: session.connection().execute(
        insert(table_of(Article)), [{"slug": "other", "created_at": session.scalar(select(Article.created_at))}]
    ),
    "insert ignoring": lambda session: insert_ignoring(
        session, Article, [{"slug": "other", "created_at": session.scalar(select(Article.created_at))}]
    ),
    "what becomes public otherwise": raise_version,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_each_way_to_write_raises_the_version_once(db: Database, write: Callable[[Session], Any]) -> None:
    add_article(db, "A story")
    before = db.public_version()
    with db.transaction() as session:
        write(session)
    assert db.public_version() == before + 1


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_rolled_back_raises_nothing(db: Database, write: Callable[[Session], Any]) -> None:
    add_article(db, "A story")
    before = db.public_version()
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(db, write)
    with db.transaction() as session:
        session.execute(select(Article)).all()
    assert db.public_version() == before


def _write_and_fail(db: Database, write: Callable[[Session], Any]) -> None:
    with db.transaction() as session:
        write(session)
        session.flush()
        raise ZeroDivisionError


def test_reading_and_readers_raise_nothing(client: FlaskClient, db: Database) -> None:
    slug = add_article(db, "A story")
    before = db.public_version()
    client.get(f"/articles/{slug}")
    add_readers(db, 3)
    assert db.public_version() == before


def test_sending_raises_it_by_the_digest_alone(db: Database, settings: Settings) -> None:
    """Not by each batch: cached pages would be rendered again and again while a digest is sent."""
    add_article(db, "A story")
    add_readers(db, 3)
    before = db.public_version()
    hand_over(db, settings)
    assert before < db.public_version() <= before + 6


def test_the_namespace_of_ids_stays(db: Database) -> None:
    add_article(db, "A story")
    with db.reading() as session:
        first = session.scalar(text("SELECT namespace FROM public_content"))
    add_article(db, "Another story")
    with db.reading() as session:
        assert session.scalar(text("SELECT namespace FROM public_content")) == first


def test_no_module_writes_a_watched_table_by_text() -> None:
    statement = re.compile(rf"\b(UPDATE|INSERT\s+INTO|DELETE\s+FROM)\s+({'|'.join(WATCHED)})\b", re.IGNORECASE)
    for name in modules():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not statement.search(node.value), f"{name}:{node.lineno}"
