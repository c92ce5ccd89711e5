"""Each page of the desk is light: it asks the database fifteen times at most, since each is a way to PostgreSQL and
back, and loads no script that it does not use.

Every address that GET answers is asked, in a small copy of the large world in which the desk is measured.
"""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import event

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.operations.digest_samples import send_sample
from newsletter.staff import links, people
from newsletter.staff.models import StaffLinkPurpose
from newsletter.subscribers.preferences import Preferences
from tests.large_world.filling import fill_world
from tests.large_world.pages import Examples, desk_pages
from tests.services import desk

MOST = 15
STATEMENTS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
USES = {
    "live.js": r"data-live=",
    "passkey.js": r"data-passkey",
    "story.js": r'id="story"|data-drop-kept',
    "schedule.js": r"data-times",
    "compose.js": r'id="composer"',
    "list.js": r"<(table|ol)[^>]* data-keys",
    "sortable.js": r'class="grip',
}
"""The parts of pages that scripts act on."""


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """The statements are the same for both kinds."""
    return empty_sqlite_url


@pytest.fixture
def examples(app: Flask, db: Database, settings: Settings) -> Examples:
    """A filled world, in which an admin is signed in."""
    present = fill_world(db, settings, count=400, stories=300)
    send_sample(runtime_of(app), present.draft, "editor@dispatch.example", Preferences())
    (mail,) = (settings.maildir / "new").iterdir()
    number = desk.add_person(db, settings=settings)
    with db.transaction() as session:
        member = people.get_member(session, number)
        token = links.make_link(session, settings.signing_keys, member, StaffLinkPurpose.RESET)
    return Examples(present, number, token, mail.name)


def test_pages_ask_seldom_and_load_what_they_use(
    app: Flask, db: Database, settings: Settings, examples: Examples
) -> None:
    person = desk.sign_in(app, db, settings, examples.member)
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *values: asked.append(values[2]))
    too_many, unused, loaded = {}, [], set()
    for page in desk_pages(app, examples):
        if "count=" in page.path:  # the page asks for it later, and it is kept
            person.get(page.path)
        asked.clear()
        answer = person.get(page.path)
        assert answer.status_code in (200, 303), page
        if len(statements := [each for each in asked if each.startswith(STATEMENTS)]) > MOST:
            too_many[page.path] = statements
        if answer.mimetype == "text/html" and answer.text.startswith("<!doctype"):
            scripts = set(re.findall(r'<script src="[^"]*/([^"/]+)"', answer.text))
            unused += [(page.path, name) for name in scripts if not re.search(USES[name], answer.text)]
            loaded |= scripts
    assert not too_many, "\n".join(f"{path}: {len(each)}\n  " + "\n  ".join(each) for path, each in too_many.items())
    assert unused == []
    assert loaded == set(USES), "each of these is loaded somewhere"
