"""The desk's lists by keys, without these keys, and the part of Today that the first poll fills, in a real browser."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests import scheduling
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.factories import add_article, add_digest, add_readers
from tests.services import desk


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=at_localhost(settings.public_url))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def test_lists_by_keys_and_today_by_its_first_poll(
    browser: Browser, site: str, settings: Settings, db: Database
) -> None:
    for title in ("A", "B", "C"):
        add_article(db, title)
    add_readers(db, 3)
    scheduled = add_digest(db)
    (settings.maildir / "new").mkdir(parents=True)
    for number in range(3):
        mail = settings.maildir / "new" / f"mail{number}"
        mail.write_text(f"Subject: Mail {number}\nTo: ada@readers.example\n\nHi")
        os.utime(mail, (number, number))
    with db.transaction() as session:
        at = clock.now() + timedelta(hours=10)
        scheduling.schedule_digest(session, settings, scheduled, at, by=OPERATOR)
    with looking_at_desk(browser, settings, db, desk.add_person(db)) as look:
        page = look.page
        look.open("/desk")
        expect(page.get_by_role("row", name="All 3 stories 3 3")).to_be_visible()
        page.keyboard.press("/")
        assert focused(page) == "find-story"
        page.keyboard.type("b")
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/articles?q=b")
        look.open("/desk/articles")
        page.keyboard.press("/")
        assert focused(page) == "q", "the page's own search comes first"
        page.keyboard.type("j/")
        assert page.locator("#q").input_value() == "j/"
        page.locator("#q").fill("")
        page.get_by_role("link", name="C", exact=True).focus()
        page.keyboard.press("j")
        assert focused(page) == "story-b"
        with page.expect_navigation():
            page.keyboard.press("a")
        expect(page.get_by_role("status").filter(has_text="Added")).to_be_visible()
        walk_the_outbox(page, settings.public_url)
        turn_keys_off(page, settings.public_url)
        look.check()


def walk_the_outbox(page: Page, site: str) -> None:
    """Mails are opened by keys, and the frame beside the list takes none of them."""
    page.goto(f"{site}/desk/outbox")
    mails = page.locator(".mails a")
    mails.first.focus()
    for key, subject in (("j", "Mail 1"), ("j", "Mail 0"), ("j", "Mail 0"), ("k", "Mail 1")):
        page.keyboard.press(key)
        assert focused(page).startswith(subject)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Mail 1")).to_be_visible()
    expect(page.locator(".mails a[aria-current]")).to_contain_text("Mail 1")
    page.keyboard.press("/")
    assert focused(page) == "q"


def turn_keys_off(page: Page, site: str) -> None:
    """WCAG 2.1.4: dictated words must not press anything."""
    page.goto(f"{site}/desk/account")
    page.get_by_role("button", name="Turn them off").click()
    expect(page.get_by_role("status").filter(has_text="are off")).to_be_visible()
    page.goto(f"{site}/desk/articles")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement === document.body")
    page.get_by_role("link", name="C", exact=True).focus()
    page.keyboard.press("j")
    assert focused(page) == "story-c"
    page.get_by_role("link", name="In the weekly draft").click()
    story = page.locator(".items > li")
    story.focus()
    page.keyboard.press("x")
    expect(story).to_be_focused()
