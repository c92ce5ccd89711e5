"""Rules for every page: GET, HEAD and OPTIONS change nothing, the HTML is valid, the headers are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import chain
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.db.public_content import raise_version
from newsletter.digests.queries import get_digest
from newsletter.migrations.tables import metadata
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, LinkPurpose, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation_links
from newsletter.web.public.letters import MAIL_POLICY
from newsletter.web.security_headers import HEADERS
from tests import factories
from tests.factories import add_article

ARGUMENTS = {
    "version": "x",
    "name": "base.css",
    "number": 1,
    "feed_name": "stories",
    "form": "atom",
    "section": "Policy",
    "unknown": "nothing",
}
"""For the parts of an address that are neither an article nor a reader."""


class Examples:
    """The application with something in it: an article, and a reader in each state."""

    def __init__(self, app: Flask, db: Database, settings: Settings) -> None:
        self.app, self.db = app, db
        self.slug = add_article(db, "A story of “many” words & <signs>")
        with db.transaction() as session:
            import_rows(
                session,
                [
                    ImportedReader(f"{status}@example.org", Preferences(sections=("Policy",)))
                    for status in SubscriberStatus
                ],
            )
            for reader in session.scalars(select(Subscriber).order_by(Subscriber.id)):
                reader.status = SubscriberStatus(reader.address.partition("@")[0])
                reader.unsubscribed_at = clock.now() if reader.status == SubscriberStatus.UNSUBSCRIBED else None
            factories.sign_up(session, settings, "waiting@example.org", Preferences())
            readers = {reader.address: reader for reader in session.scalars(select(Subscriber).order_by(Subscriber.id))}
            self.confirmations = [
                confirmation_links.confirmation_token(settings.signing_keys, reader) for reader in readers.values()
            ]
            self.tokens = [reader.token for reader in readers.values()]
            self.signed = {
                "confirm": self.confirmations,
                "data": [
                    one_time_links.link_token(settings.signing_keys, one, LinkPurpose.DATA) for one in readers.values()
                ],
                "address": [
                    one_time_links.link_token(settings.signing_keys, one, LinkPurpose.ADDRESS)
                    for one in readers.values()
                ],
                **moves(session, settings, [reader.id for reader in readers.values()]),
            }
        with db.reading() as session:
            self.letter_name = get_digest(session, factories.hand_over(db, settings)).letter_name

    def addresses(self) -> Iterator[str]:
        """An address for every route, and for every reader's state where it is a reader's page."""
        adapter = self.app.url_map.bind("letters.example.org")
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint == "static" or rule.endpoint.startswith("desk."):  # test_desk_routes.py
                continue
            tokens = [""]
            if "token" in rule.arguments:
                tokens = [*self.signed.get(rule.rule.split("/")[1], self.tokens), "mangled"]
            for token in tokens:
                values = {
                    **ARGUMENTS,
                    "slug": self.slug,
                    "letter_name": self.letter_name,
                    "token": token,
                    **(rule.defaults or {}),
                }
                yield adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        yield from ("/nothing", "/articles/nothing")

    def contents(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        with self.db.reading() as session:
            return {table.name: sorted(map(repr, session.execute(table.select()))) for table in metadata.sorted_tables}


def moves(session: Session, settings: Settings, readers: list[int]) -> dict[str, list[str]]:
    """Every other reader (the active one too) has requested a new address; the others have changed theirs."""
    now = clock.now()
    found: dict[str, list[str]] = {"new-address": [], "old-address": []}
    for number, reader in enumerate(readers):
        new = f"new{number}@example.org"
        change = AddressChange(subscriber_id=reader, address=new, address_key=new, requested_at=now)
        change.changed_at = None if number % 2 else now
        session.add(change)
        session.flush()
        found["new-address"].append(address_change.new_address_token(settings, change))
        if change.changed_at:
            found["old-address"].append(address_change.old_address_token(settings, change))
    return found


@pytest.fixture
def examples(app: Flask, db: Database, settings: Settings) -> Examples:
    return Examples(app, db, settings)


SCRIPTS = (
    "/zone.js",
    "/passkey.js",
    "/list.js",
    "/story.js",
    "/sortable.js",
    "/compose.js",
    "/live.js",
    "/schedule.js",
)


class Outline(HTMLParser):
    """Counts tags and collects ids, labels, inline styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.referred: set[str] = set()
        self.headings: list[int] = []
        self.forbidden: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        is_foreign_frame = tag == "iframe" and not is_preview(attrs)
        if tag in ("style", "img") or is_foreign_frame or (tag == "script" and not (is_ours(attrs) or is_data(attrs))):
            self.forbidden.append(tag)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.forbidden.append(f"{tag} {name}")
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("for", "aria-labelledby", "aria-describedby"):
                self.referred |= set((value or "").split())
            if name == "href" and value and value.startswith("#"):
                self.referred.add(value[1:])


def is_data(attrs: list[tuple[str, str | None]]) -> bool:
    """What other programs read of a story; browsers run no such block."""
    return attrs == [("type", "application/ld+json")]


def is_preview(attrs: list[tuple[str, str | None]]) -> bool:
    """A frame of the desk around a page of ours, sandboxed without any permission."""
    values = dict(attrs)
    return values.get("sandbox") == "" and (values.get("src") or "/desk/").startswith("/desk/")


def is_ours(attrs: list[tuple[str, str | None]]) -> bool:
    """A script from a file of ours: the page of preferences and some of the desk have one, and do without."""
    source = dict(attrs).get("src")
    return source is not None and source.startswith("/assets/") and source.endswith(SCRIPTS)


def is_page(answer: TestResponse) -> bool:
    return answer.mimetype == "text/html"


def check_page(page: str) -> None:
    """Valid HTML with a title, one h1, headings in order, no id twice, no reference into nothing, nothing inline."""
    html5lib.HTMLParser(strict=True).parse(page)
    outline = Outline(page)
    assert outline.tags["title"] == outline.tags["h1"] == outline.tags["main"] == 1
    assert set(outline.ids.values()) == {1}
    assert outline.referred <= set(outline.ids)
    assert outline.forbidden == []
    steps = zip([0, *outline.headings], outline.headings, strict=False)
    assert all(after <= before + 1 for before, after in steps)


def check_headers(headers: Any, address: str) -> None:
    for name, value in HEADERS.items():
        if name == "Content-Security-Policy" and is_mail(address) and headers[name] == MAIL_POLICY:
            continue
        if name == "Cross-Origin-Resource-Policy" and headers.get("Content-Type", "").startswith("text/css"):
            assert headers[name] == "cross-origin", "sandboxed frames have an origin of their own"
            continue
        more = "; script-src 'self'" if name == "Content-Security-Policy" and "/preferences/" in address else ""
        assert headers[name] in (value, value + more)
    assert "Set-Cookie" not in headers
    assert headers["Cache-Control"]


def test_looking_changes_nothing(examples: Examples, client: FlaskClient) -> None:
    before = examples.contents()
    for address in examples.addresses():
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = client.open(address, method=method)
            assert answer.status_code < 500, address
            check_headers(answer.headers, address)
    assert examples.contents() == before


def test_head_is_the_same_page(examples: Examples, client: FlaskClient, db: Database) -> None:
    """A page that was rendered for HEAD is cached, and answered to GET."""
    for address in examples.addresses():
        lengths = []
        for methods in (["HEAD", "GET"], ["GET", "HEAD"]):
            with db.transaction() as session:
                raise_version(session)
            lengths += [client.open(address, method=method).headers["Content-Length"] for method in methods]
        assert len(set(lengths)) == 1, address


def is_mail(address: str) -> bool:
    """Whether it is the address of a letter's mail, which carries its styles in itself (`test_mail_look`)."""
    return address.partition("?")[0].endswith("/mail")


def test_every_page_is_valid(examples: Examples, client: FlaskClient) -> None:
    pages = 0
    for address in examples.addresses():
        answer = client.get(address)
        if is_page(answer) and not is_mail(address):
            check_page(answer.text)
            pages += 1
    assert pages > 20


def test_every_page_is_light_and_loads_no_styles_of_the_desk(examples: Examples, client: FlaskClient) -> None:
    """HTML and stylesheets are under 50 kB together. A mail has its styles in itself."""
    weights: dict[str, int] = {}
    for address in examples.addresses():
        answer = client.get(address)
        sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', answer.text) if is_page(answer) else []
        for sheet in sheets:
            weights[sheet] = weights.get(sheet) or len(client.get(sheet).data)
        if sheets:
            assert not any("desk.css" in sheet for sheet in sheets), address
            assert len(answer.data) + sum(weights[sheet] for sheet in sheets) < 50_000, address


def test_every_answer_to_a_form_is_valid(examples: Examples, client: FlaskClient) -> None:
    for address in [*examples.addresses()]:
        for data in (
            {},
            {"email": '"><p>', "cadence": "x", "which": "only", "min_trust": "<"},
            {"email": "a@b.example"},
        ):
            answer = client.post(address, data=data)
            assert answer.status_code < 500, address
            check_headers(answer.headers, address)
            check_page(answer.text)


@pytest.mark.parametrize("proxies", [0, 1])
def test_no_host_that_a_request_names_changes_a_link(
    examples: Examples, settings: Settings, db: Database, proxies: int
) -> None:
    names = ("X-Forwarded-Host", "X-Forwarded-Server", "X-Original-URL", "X-Forwarded-Prefix", "X-Forwarded-Proto")
    headers = {"Forwarded": "host=evil.example", **dict.fromkeys(names, "evil.example")}
    app = create_app(replace(settings, trusted_proxies=proxies))
    client = app.test_client()
    for address in examples.addresses():
        for answer in (client.get(address, headers=headers), client.post(address, headers=headers)):
            assert b"evil.example" not in answer.data
            assert "evil.example" not in str(answer.headers)
    app.extensions["newsletter"].db.dispose()


def test_every_private_page_stays_out_of_search_engines(examples: Examples, client: FlaskClient) -> None:
    for address in examples.addresses():
        if any(secret in address for secret in (*examples.tokens, *chain(*examples.signed.values()))):
            answer = client.get(address)
            assert '<meta name="robots" content="noindex">' in answer.text or answer.mimetype == "application/json"
            assert answer.headers["X-Robots-Tag"] == "noindex"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "@example.org" in answer.text or answer.status_code == 409
            for status in SubscriberStatus if not address.startswith("/data/") else ():
                assert f"{status}@example.org" not in answer.text
