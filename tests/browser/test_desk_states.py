"""States of the desk's pages that come of a press or of trouble, read by axe by day and by night: open menus, errors,
a letter in conflict or empty, a doubt in a digest that is paused. One server and one browser for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR, Actor, ActorKind
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests import draft_articles, lifecycle
from newsletter.digests.models import PausedReason
from newsletter.digests.queries import get_digest
from newsletter.staff.models import StaffMember
from newsletter.staff.rights import Role
from tests.browser.desk_look import at_localhost, check_on_phones, looking_at_desk
from tests.browser.test_every_page import violations
from tests.browser.test_pages_look import LONG, Look
from tests.factories import add_article, add_digest, add_readers, send_digest
from tests.services import desk

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=at_localhost(settings.public_url))


def test_states_that_no_address_shows(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    admin = desk.add_person(db, Role.ADMIN, settings=settings)
    with looking_at_desk(browser, settings, db, admin) as look:
        read(look, "/articles")
        slug = add_article(db, LONG)
        add_article(db, "B")
        add_readers(db, 3)
        draft = add_digest(db)
        masthead(look)
        stories(look, slug)
        times(look, draft)
        letter(look, db, draft, slug)
        trouble(look, db, settings)
        account(look, db)


def read(look: Look, path: str, *, width: int = 1280) -> None:
    look.page.set_viewport_size({"width": width, "height": 800})
    look.open(f"/desk{path}")
    reread(look)


def reread(look: Look) -> None:
    assert violations(look, {"iframes": False}) == []
    check_on_phones(look)


def open_details(look: Look) -> None:
    for details in look.page.locator("details:visible").all():
        details.evaluate("element => { element.open = true }")


def masthead(look: Look) -> None:
    """Its search with the focus, and the menu of phones."""
    look.open("/desk")
    look.page.keyboard.press("/")
    reread(look)
    look.page.set_viewport_size({"width": 375, "height": 800})
    look.page.locator("details.menu > summary").click()
    reread(look)


def stories(look: Look, slug: str) -> None:
    """A story with everything open, and one with errors."""
    look.open(f"/desk/articles/stories/{slug}")
    open_details(look)
    reread(look)
    look.open("/desk/articles/new")
    with look.page.expect_navigation():
        look.page.get_by_role("button", name="Publish the story").click()
    expect(look.page.get_by_role("alert").first).to_be_visible()
    open_details(look)
    reread(look)
    look.open("/desk/articles/bring-in")
    look.press("Read it")
    reread(look)


def letter(look: Look, db: Database, draft: int, slug: str) -> None:
    """The composer with a dek open, in conflict, with an error, and without a story."""
    page = look.page
    look.open(f"/desk/digests/{draft}/compose?edition=chosen&count=editions")
    page.get_by_role("link", name="Dek B").click()
    reread(look)
    page.locator("#own-dek").fill("Mine")
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, slug, by=Actor(ActorKind.EDITOR, 99))
    page.get_by_role("button", name="Keep this dek").click()
    expect(page.get_by_role("alert").filter(has_text="somebody changed the letter")).to_be_visible()
    reread(look)
    page.locator("#subject").fill("S" * 1000)
    expect(page.locator("#subject-error")).to_be_visible()
    reread(look)
    look.wrong[:] = [each for each in look.wrong if "of 409" not in each and "of 422" not in each]
    look.page.on("dialog", lambda dialog: dialog.accept())
    with db.transaction() as session:
        for each in list(get_digest(session, draft).revisions):
            draft_articles.drop_article(session, draft, each.slug, by=OPERATOR)
    read(look, f"/digests/{draft}/compose")
    read(look, f"/digests/{draft}/schedule")


def times(look: Look, draft: int) -> None:
    """A time that is over."""
    look.open(f"/desk/digests/{draft}/schedule")
    look.page.get_by_label("Day").fill("2020-01-01")
    expect(look.page.get_by_text("has passed.")).to_be_visible()
    reread(look)


def trouble(look: Look, db: Database, settings: Settings) -> None:
    """A doubt in a digest that is paused; its wire stands on every page."""
    doubted = send_digest(db, settings)
    with db.transaction() as session:
        changed = {"state": BatchState.IN_DOUBT, "outcomes": b"a??", "note": LONG, "attempted_at": clock.now()}
        session.execute(update(Batch).where(Batch.digest_id == doubted).values(**changed))
        lifecycle.pause(session, doubted, PausedReason.ERROR, "The provider refuses us: 550 " + LONG, by=OPERATOR)
    read(look, f"/digests/{doubted}/sending")
    read(look, "", width=375)
    in_hours = clock.now() + timedelta(hours=5)
    with db.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.READY, outcomes=b"aww", due_at=in_hours))
    read(look, f"/digests/{doubted}/sending")


def account(look: Look, db: Database) -> None:
    """An error, and keys that are off, for somebody with a long name."""
    with db.transaction() as session:
        session.execute(update(StaffMember).values(name=LONG[:80]))
    look.open("/desk/account")
    look.page.get_by_label("As colleagues see it").fill(" ")
    look.press("Change the name")
    reread(look)
    look.press("Turn them off")
    reread(look)
