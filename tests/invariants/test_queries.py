"""No public page makes more than eight queries, whatever it shows: each costs a way to PostgreSQL and back."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests.queries import get_digest
from newsletter.web.page_cache import is_cached
from tests.factories import hand_over
from tests.functional.test_history_page import slug
from tests.invariants.test_pages import ARGUMENTS

__all__ = ["slug"]

MOST = 8


@pytest.fixture
def asked(db: Database) -> list[str]:
    """The statements that are sent to the database."""
    found: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *values: found.append(values[2]))
    return found


def test_no_public_page_makes_more_than_eight(
    app: Flask, client: FlaskClient, db: Database, settings: Settings, slug: str, asked: list[str]
) -> None:
    """Of a process that knows nothing yet. A page that is kept joins by itself."""
    with db.transaction() as session:
        letter_name = get_digest(session, hand_over(db, settings)).letter_name
    adapter, counted = app.url_map.bind("letters.example.org"), 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not (
            is_cached(app, rule.endpoint) or rule.endpoint.startswith("public.")
        ):
            continue
        values = {**ARGUMENTS, "slug": slug, "letter_name": letter_name}
        path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        for query in ("", "?language=de"):
            asked.clear()
            client.get(path + query)
            selects = [one for one in asked if one.lstrip().upper().startswith(("SELECT", "WITH"))]
            assert len(selects) <= MOST, f"{path}: {selects}"
            counted += 1
    assert counted > 10
