"""No public page makes more than eight queries, whatever it shows: each costs a way to PostgreSQL and back."""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.articles.revising import revise
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, raise_version
from newsletter.digests.correcting import draft_correction
from newsletter.digests.queries import get_digest
from newsletter.public_record.tallies import tally_digest
from newsletter.support import goals
from newsletter.support.kofi_payload import read_post
from newsletter.support.money import parse_money
from newsletter.support.payments import store_payment
from newsletter.web.page_cache import is_cached
from tests.factories import add_article, add_readers, hand_over
from tests.functional.test_history_page import slug
from tests.invariants.test_pages import ARGUMENTS
from tests.services import kofi
from tests.services.corrections import send

__all__ = ["slug"]

MOST = 8
QUERIES = {
    "public.articles": ("?q=story&section=Policy&month=2026-05", "?q=nothing+here", "?before=2030-01-01-9"),
    "public.letters": ("?q=story&section=Policy", "?q=nothing+here"),
    "public.history": ("?from=1&to=3",),
}
"""Of a page's address, where they make it ask more."""


@pytest.fixture
def asked(db: Database) -> list[str]:
    """The statements that are sent to the database."""
    found: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *values: found.append(values[2]))
    return found


def test_no_public_page_makes_more_than_eight(
    app: Flask, client: FlaskClient, db: Database, settings: Settings, slug: str, asked: list[str]
) -> None:
    """Each is the first page after a change, so that what other pages remember has to be read anew."""
    letter_names = fill(db, settings, slug)
    adapter, counted = app.url_map.bind("letters.example.org"), 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not (
            is_cached(app, rule.endpoint) or rule.endpoint.startswith("public.")
        ):
            continue
        names = letter_names if "letter_name" in rule.arguments else letter_names[:1]
        values = [{**ARGUMENTS, "slug": slug, "letter_name": name} for name in names]
        paths = [adapter.build(rule.endpoint, {name: each[name] for name in rule.arguments}) for each in values]
        queries = ("", "?language=de", *QUERIES.get(rule.endpoint, ()))
        for path, query in product(paths, queries):
            with db.transaction() as session:
                raise_version(session)
            asked.clear()
            client.get(path + query)
            selects = [one for one in asked if one.lstrip().upper().startswith(("SELECT", "WITH"))]
            assert len(selects) <= MOST, f"{path}{query}: {selects}"
            counted += 1
    assert counted > 10


def fill(db: Database, settings: Settings, slug: str) -> list[str]:
    """What makes pages ask most: a letter that was counted, a correction since, support against a goal. Returns the
    names of that letter, of one that carries corrections, and of one that is a correction."""
    add_readers(db, 2)
    others = [add_article(db, f"Story {number}") for number in range(5)]
    digest_id = hand_over(db, settings)
    with db.transaction() as session:
        tally_digest(session, settings, digest_id)
        revise(session, slug, {"dek": "By March, 40 were."}, Change(RevisionKind.CORRECTION, note="It is 40."))
        month = clock.today(settings.timezone).replace(day=1)
        goals.set_goal(session, month, parse_money("900", "EUR"))
        goals.set_cost(session, "Servers", month, parse_money("90", "EUR"))
        store_payment(session, settings, read_post(kofi.body(kofi.payload()), kofi.TOKEN, settings.timezone))
        for other in others:
            revise(session, other, {"dek": "Right."}, Change(RevisionKind.CORRECTION, note="It was wrong."))
    carrier = hand_over(db, settings)
    with db.transaction() as session:
        change = Change(RevisionKind.CORRECTION, note="It was wrong again.", serious=True)
        revise(session, others[0], {"dek": "Right at last."}, change)
        alone = draft_correction(session, others[0]).id
    send(db, settings, alone)
    with db.reading() as session:
        digests = [get_digest(session, each) for each in (digest_id, carrier, alone)]
        assert len(digests[1].corrections) == 6
        return [each.letter_name or "" for each in digests]
