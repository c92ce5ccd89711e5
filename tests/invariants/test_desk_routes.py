"""Rules for every view of the desk: it says what it needs, each role gets exactly what the table of rights gives it,
each form needs its session's token, and no page outside of the desk knows of it.

The routes come from the URL map, so that a new view is looked at without being named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.migrations.tables import metadata
from newsletter.staff import links, people
from newsletter.staff.models import StaffLinkPurpose
from newsletter.staff.rights import RIGHTS, Right, Role
from newsletter.web.desk.access import Access, Everybody, access_of
from newsletter.web.desk.compose_preview import PREVIEW_POLICY
from newsletter.web.desk.session import POLICY
from tests.factories import add_article, add_digest
from tests.invariants.test_pages import Examples, check_page
from tests.services import desk
from tests.services.desk import DeskClient

once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Rights do not depend on the database; the tests of each page run on both."""

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
UNSAFE = frozenset(METHODS) - {"GET", "HEAD", "OPTIONS", "TRACE"}
SEES_NOTHING = {"staff_sessions"}
"""A look at a page may prolong the session."""

EXPECTED = {
    Role.AUTHOR: {Right.WRITE},
    Role.EDITOR: {Right.WRITE, Right.PUBLISH, Right.SEND},
    Role.ADMIN: {Right.WRITE, Right.PUBLISH, Right.SEND, Right.READERS, Right.PEOPLE},
}
"""The table of rights a second time: who changes it has to want it twice."""

PREVIEWS = {"desk.preview"}
"""Views whose answers pages of the desk may frame."""

SAMPLES: dict[str, Any] = {"number": 2, "token": "abcdefghijklmnopqrstuvwxyz", "slug": "nothing", "name": "nothing"}
"""For the parts of an address; a new kind of part needs an entry."""


class DeskRoute(NamedTuple):
    """A view with a method, and an address of it."""

    endpoint: str
    method: str
    path: str
    access: Access | None
    methods: frozenset[str]
    """All that the rule knows."""

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.endpoint})"


def routes(app: Flask) -> Iterator[DeskRoute]:
    """Every rule of the desk with every method."""
    adapter = app.url_map.bind("letters.example.org")
    for rule in desk_rules(app):
        path = adapter.build(rule.endpoint, {name: SAMPLES[name] for name in rule.arguments}, force_external=False)
        known = frozenset(rule.methods or ())
        for method in METHODS:
            yield DeskRoute(rule.endpoint, method, path, access_of(app.view_functions[rule.endpoint]), known)


def desk_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.rule == "/desk" or rule.rule.startswith("/desk/")]


def may(role: Role, access: Access | None) -> bool:
    """Whether a role gets at a view, by this test's own table."""
    if access is None:
        return False
    return isinstance(access.need, Everybody) or access.need in EXPECTED[role]


def test_the_table_of_rights_is_what_it_should_be() -> None:
    assert {role: set(rights) for role, rights in RIGHTS.items()} == EXPECTED


def test_every_view_says_what_it_needs(app: Flask) -> None:
    views = {rule.endpoint: access_of(app.view_functions[rule.endpoint]) for rule in desk_rules(app)}
    assert [endpoint for endpoint, access in views.items() if access is None] == []
    assert [endpoint for endpoint in views if not endpoint.startswith("desk.")] == []
    visitors = {endpoint for endpoint, access in views.items() if access and access.need is Everybody.VISITOR}
    assert visitors == {
        "desk.sign_in",
        "desk.password",
        "desk.code",
        "desk.passkey",
        "desk.passkey_options",
        "desk.link",
        "desk.demo_link",
        "desk.set_up_with_password",
        "desk.set_up_options",
        "desk.set_up_with_passkey",
    }


@once
def test_a_view_that_says_nothing_is_open_to_nobody(app: Flask, db: Database, settings: Settings) -> None:
    admin = desk.sign_in(app, db, settings, desk.add_person(db))
    app.view_functions["desk.home"] = lambda: "open"
    assert admin.get("/desk").status_code == 403


@once
@pytest.mark.parametrize("role", Role)
def test_each_role_gets_what_the_table_gives_it(app: Flask, db: Database, settings: Settings, role: Role) -> None:
    number = desk.add_person(db, role)
    desk.add_person(db, Role.ADMIN, name="Other", email="other@dispatch.example")
    person = desk.sign_in(app, db, settings, number)
    token = person.form_token()
    for route in routes(app):
        if route.endpoint in ("desk.sign_out", "desk.sign_out_everywhere", "desk.end_session"):
            continue  # they end what this test walks with
        if route.method not in route.methods and route.method in known_methods(app, route):
            continue  # another view at this address answers it
        data = {"form_token": token} if route.method in UNSAFE else None
        status = person.client.open(route.path, method=route.method, data=data).status_code
        if route.method not in known_methods(app, route):
            assert status == 405, route
        elif route.method == "OPTIONS":
            assert status in (200, 403), route
        else:
            assert (status != 403) == may(role, route.access), (route, status)
            assert status < 500, route
        assert still_in(person), route


def known_methods(app: Flask, route: DeskRoute) -> set[str]:
    """The methods of all rules with this address."""
    adapter = app.url_map.bind("letters.example.org")
    return set(adapter.allowed_methods(route.path))


def still_in(person: DeskClient) -> bool:
    return person.client.get("/desk/account").status_code == 200


@once
def test_signed_out_leads_to_sign_in_and_changes_nothing(app: Flask, db: Database, client: FlaskClient) -> None:
    desk.add_person(db)
    before = contents(db)
    for route in routes(app):
        if route.access is None or route.access.need is Everybody.VISITOR:
            continue
        if route.method not in known_methods(app, route) or route.method == "OPTIONS":
            continue
        answer = client.open(route.path, method=route.method)
        if route.method in UNSAFE:
            assert answer.status_code == 401, route
        else:
            assert answer.status_code == 303, route
            assert answer.headers["Location"] == f"/desk/sign-in?next={route.path}", route
    assert contents(db) == before


@once
def test_a_form_without_its_token_or_with_anothers_is_refused(app: Flask, db: Database, settings: Settings) -> None:
    person = desk.sign_in(app, db, settings, desk.add_person(db))
    other = desk.sign_in(app, db, settings, desk.add_person(db, name="Other", email="other@dispatch.example"))
    visitor = app.test_client()
    foreign = [{}, {"form_token": ""}, {"form_token": other.form_token()}]
    foreign += [{"form_token": desk.token_of_page(visitor.get("/desk/sign-in").text)}]
    before = contents(db)
    posts = [route for route in routes(app) if route.method == "POST" and "POST" in route.methods]
    assert len(posts) > 20
    for route in posts:
        for data in foreign:
            assert person.client.post(route.path, data=data).status_code == 403, route
        token = {"form_token": person.form_token()}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert person.client.post(route.path, data=token, headers=headers).status_code == 403, route
    assert contents(db) == before


@once
def test_looking_changes_nothing(app: Flask, db: Database, settings: Settings) -> None:
    desk.add_person(db, name="Other", email="other@dispatch.example")
    person = desk.sign_in(app, db, settings, desk.add_person(db))
    before = contents(db)
    for route in routes(app):
        if route.method in ("GET", "HEAD", "OPTIONS"):
            assert person.client.open(route.path, method=route.method).status_code < 500, route
    assert contents(db) == before


@once
def test_every_page_is_valid_private_and_strict(app: Flask, db: Database, settings: Settings) -> None:
    number = desk.add_person(db, settings=settings)
    person, visitor = desk.sign_in(app, db, settings, number), app.test_client()
    with db.transaction() as session:
        member = people.get_member(session, number)
        SAMPLES["token"] = links.make_link(session, settings.signing_keys, member, StaffLinkPurpose.RESET)
    add_article(db, "A story")
    while add_digest(db) < SAMPLES["number"]:
        pass
    pages = 0
    for route in routes(app):
        if route.method not in ("GET", "POST") or route.method not in known_methods(app, route):
            continue
        for client in (person.client, visitor):
            answer = client.open(route.path, method=route.method)
            assert answer.headers["Cache-Control"] == "no-store", route
            is_preview = route.endpoint in PREVIEWS and answer.status_code == 200
            assert answer.headers["Content-Security-Policy"] == (PREVIEW_POLICY if is_preview else POLICY), route
            assert answer.headers.get("X-Frame-Options") == (None if is_preview else "DENY"), route
            assert answer.headers["X-Robots-Tag"] == "noindex", route
            if answer.mimetype == "text/html" and answer.status_code != 303 and not is_preview:
                if answer.text.startswith("<!doctype"):
                    check_page(answer.text)
                else:  # a part of a page
                    html5lib.HTMLParser(strict=True).parseFragment(answer.text)
                pages += 1
    assert pages > 20
    assert person.get("/desk/no-such-page").headers["Cache-Control"] == "no-store"


@once
def test_no_page_outside_of_the_desk_sets_or_reads_a_cookie(app: Flask, db: Database, settings: Settings) -> None:
    examples = Examples(app, db, settings)
    person = desk.sign_in(app, db, settings, desk.add_person(db))
    visitor = app.test_client()
    for address in examples.addresses():
        without, with_session = visitor.get(address), person.client.get(address)
        for answer in (without, with_session, person.client.post(address)):
            assert "Set-Cookie" not in answer.headers, address
        if b"form_token" not in without.data:  # a form's token is another each time
            assert without.data == with_session.data, address
        assert "Cookie" not in without.headers.get("Vary", ""), address


def contents(db: Database) -> dict[str, list[str]]:
    """Every row of every table but sessions."""
    with db.reading() as session:
        return {
            table.name: sorted(map(repr, session.execute(table.select())))
            for table in metadata.sorted_tables
            if table.name not in SEES_NOTHING
        }
