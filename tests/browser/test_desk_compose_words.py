"""Words that are typed in the composer, in a real browser: none is lost, and none is called saved that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.staff.rights import Role
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.factories import add_article, add_digest, add_readers
from tests.services import desk


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=at_localhost(settings.public_url))


@pytest.fixture
def draft(db: Database) -> int:
    """A draft of A and B."""
    for title, trust in (("A", 90), ("B", 80)):
        add_article(db, title, trust=trust)
    add_readers(db, 3)
    return add_digest(db)


@pytest.fixture
def editor(db: Database) -> int:
    return desk.add_person(db, Role.EDITOR)


def test_the_back_button_leaves_the_composer_whatever_was_looked_at(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/digests")
        look.open(f"/desk/digests/{draft}/compose")
        page.get_by_label("Text").check(force=True)
        expect(page.frame_locator("#frame").locator("pre")).to_be_visible()
        page.get_by_label("Edition").select_option("told")
        page.get_by_label("HTML").check(force=True)
        expect(page.frame_locator("#frame").locator("h2").first).to_be_visible()
        page.go_back()
        assert page.url == f"{look.site}/desk/digests"
