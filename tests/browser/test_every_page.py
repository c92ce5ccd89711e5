"""Every page there is, and every page that a button leads to, in a real browser, by day and by night: no cookie,
nothing stored, no request to elsewhere, no word on the console, nothing that hinders anyone.

The addresses come from the application's own routes, so that a new page is walked unasked; one of which the walk has no
whole example fails it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import Table, delete, insert, select

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.embedded import sample_support
from newsletter.migrations.tables import metadata
from newsletter.operations import public_record
from tests.browser.test_pages_look import LONG, Look, _in_no_time, looking
from tests.factories import add_article, hand_over
from tests.invariants.test_pages import Examples, is_mail

__all__ = ["_in_no_time"]

STORED = """async () => [
  document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage),
  ...(await indexedDB.databases()).map(found => found.name), ...await caches.keys(),
  ...(await navigator.serviceWorker.getRegistrations()).map(found => found.scope),
].filter(Boolean)"""

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
"""Without the good habits of pages: in a mailbox, landmarks are the mail program's."""

OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules that ask for colours."""

BUTTONS = "button:visible"
STAYS = "button => !button.form.noValidate && !button.form.checkValidity()"
"""The browser itself says that something is missing, as in the form for other sites, and sends nothing."""

TYPED = ("", "ada@new.example", "ada@gmial.com")
"""A mistake, an address, and one that brings a suggestion."""


class Kind(NamedTuple):
    """The endpoint of a page, its status and its heading."""

    endpoint: str
    status: int
    heading: str


class Walk:
    """An example of each kind of page, for every route that is looked at and every state of a reader."""

    def __init__(self, app: Flask, examples: Examples) -> None:
        rules = [
            rule
            for rule in app.url_map.iter_rules()
            if rule.methods is not None and "GET" in rule.methods and not rule.endpoint.startswith("desk.")
        ]
        self.endpoints = {rule.endpoint for rule in rules} - {"feeds.unknown_feed"}  # it shows nothing but an error
        self.shown: set[str] = set()
        """Endpoints that have shown something, not just an error."""
        self.pages: dict[Kind, str] = {}
        self.whole: dict[str, str] = {}
        """All pages that are no errors, by their content."""
        client, adapter = app.test_client(), app.url_map.bind("letters.example.org")
        for path in examples.addresses():
            answer = client.get(path)
            endpoint = adapter.match(path)[0] if adapter.test(path) else ""
            if answer.status_code in (200, 302):
                self.shown.add(endpoint)
            if answer.mimetype == "text/html":
                heading = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
                assert heading
                self.pages.setdefault(Kind(endpoint, answer.status_code, heading[1]), path)
                if answer.status_code == 200 and not is_mail(path):
                    self.whole.setdefault(answer.text, path)


@pytest.fixture
def walk(app: Flask, db: Database, settings: Settings) -> Walk:
    """Stories, a letter that went out, readers in every state, and a year of support."""
    examples = Examples(app, db, settings)
    add_article(db, LONG)
    hand_over(db, settings)
    public_record.tally_digests(runtime())
    public_record.count_months(runtime())
    with db.transaction() as session:
        sample_support.add_sample_support(session, settings)
    return Walk(app, examples)


def test_the_walk_knows_a_whole_example_of_every_page(walk: Walk) -> None:
    assert walk.shown == walk.endpoints, "tests/invariants/test_pages.py makes the addresses"
    assert len(walk.pages) > 30


def test_every_page(browser: Browser, site: str, walk: Walk) -> None:
    with looking(browser, site, script=True) as look:
        for kind, path in walk.pages.items():
            look.open(path, status=kind.status)
            if is_mail(path):  # in a sandbox: no script can look at it where it is
                mail = look.page.content()
                look.check()
                look.page.goto("about:blank")
                look.page.set_content(mail)
                assert violations(look, WCAG) == []
            else:
                check(look)


@pytest.mark.usefixtures("_in_no_time")
def test_every_page_that_a_button_leads_to(browser: Browser, site: str, db: Database, walk: Walk) -> None:
    """Each button of each page, for readers in every state: mistakes, questions, and what is done."""
    before = contents(db)
    seen: set[str] = set()
    with looking(browser, site, script=True) as look:
        todo: deque[tuple[str, tuple[Press, ...]]] = deque(
            (path, (press,)) for path in walk.whole.values() for press in presses(look, path)
        )
        while todo:
            path, steps = todo.popleft()
            if follow(look, path, steps) and (summary := outline(look)) not in seen:
                check(look)
                seen.add(summary)
                # Some buttons stand on an answer alone, as the one that undoes it.
                if len(steps) == 1:
                    todo += [(path, (*steps, Press(place, ""))) for place in range(look.page.locator(BUTTONS).count())]
            restore(db, before)
    headings = {summary.splitlines()[0] for summary in seen}
    assert {
        "Check your mailbox",
        "You are subscribed again",
        "Your data is erased",
        "Your address is changed",
    } <= headings
    assert len(seen) > 15


class Press(NamedTuple):
    """A button of a page by its number, and the address that is entered before it is pressed."""

    place: int
    typed: str


def presses(look: Look, path: str) -> list[Press]:
    """All presses that a page offers."""
    look.page.goto(look.site + path)
    typed = TYPED if look.page.locator("input[type=email]").count() else ("",)
    return [Press(*each) for each in product(range(look.page.locator(BUTTONS).count()), typed)]


def follow(look: Look, path: str, steps: Sequence[Press]) -> bool:
    """Press one button after the other, from a page on; False when the browser keeps a form back."""
    look.page.goto(look.site + path)
    for place, typed in steps:
        for field in look.page.locator("input[type=email]").all():
            field.fill(typed)
        button = look.page.locator(BUTTONS).nth(place)
        if button.evaluate(STAYS):
            return False
        with look.page.expect_navigation():
            button.click()
    return True


def outline(look: Look) -> str:
    """The headings, notices and buttons, by which a page is known whichever reader has it."""
    return "\n".join(look.page.locator(f"h1, h2, [role=alert], [role=status], {BUTTONS}").all_inner_texts())


def contents(db: Database) -> dict[Table, list[dict[str, Any]]]:
    with db.reading() as session:
        return {
            table: [dict(row._mapping) for row in session.execute(select(table))] for table in metadata.sorted_tables
        }


def restore(db: Database, rows: dict[Table, list[dict[str, Any]]]) -> None:
    """Undo what a button did, for the next one."""
    with db.transaction() as session:
        for table in reversed(rows):
            session.execute(delete(table))
        for table, some in rows.items():
            if some:
                session.execute(insert(table), some)


def check(look: Look) -> None:
    """Check the page that is open."""
    assert look.page.evaluate(STORED) == [], look.page.url
    assert violations(look) == []
    look.check()


def violations(look: Look, options: dict[str, Any] | None = None) -> list[str]:
    """The barriers on a page, by day or by night: that changes colours alone, so by night just these are looked at."""
    found = []
    by_day: tuple[Literal["light"], dict[str, Any]] = ("light", {})
    by_night: tuple[Literal["dark"], dict[str, Any]] = ("dark", OF_COLOURS)
    for scheme, rules in (by_day, by_night):
        look.page.emulate_media(color_scheme=scheme)
        results = Axe().run(look.page, options={"resultTypes": ["violations"], **(options or {}), **rules})
        if results.violations_count:
            found.append(f"{look.page.url}, {scheme}: {results.generate_report()}")
    return found
