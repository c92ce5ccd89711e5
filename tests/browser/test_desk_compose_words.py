"""Words that are typed in the composer, in a real browser: none is lost, and none is called saved that is not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_with_articles
from newsletter.staff.rights import Role
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.factories import add_article, add_digest, add_readers
from tests.services import desk

SAVED = re.compile(r"^Saved today, \d\d:\d\d$")
WORDS = "An intro that took an hour"


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


def stored(db: Database, number: int) -> Digest:
    with db.reading() as session:
        return get_with_articles(session, number)


def story(page: Page, number: int) -> Locator:
    return page.locator(".items > li").nth(number - 1)


def dek_of(page: Page, number: int) -> Locator:
    """The field for the dek of a story, opened."""
    story(page, number).get_by_role("link", name="Dek").click()
    field = story(page, number).get_by_label("Dek in this digest")
    expect(field).to_be_visible()
    return field


def test_a_dek_is_kept_when_another_is_opened_or_its_story_made_the_lead(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        dek_of(page, 1).fill("Half a dek of A")
        dek_of(page, 2).fill("One of B")
        expect(story(page, 1)).to_contain_text("“Half a dek of A”")
        page.get_by_role("button", name="Make it the lead").click()
        expect(story(page, 2)).to_contain_text("Lead")
        expect(story(page, 2)).to_contain_text("“One of B”")
        assert stored(db, draft).deks == ["Half a dek of A", "One of B"]
        dek_of(page, 1).fill("d" * 1000)
        page.get_by_label("Dek in this digest").evaluate("field => { field.value += 'd' }")  # past its maxlength
        story(page, 2).get_by_role("link", name="Dek").click()
        expect(story(page, 1)).to_contain_text("at most 1000 are allowed")
        expect(page.get_by_label("Dek in this digest")).to_have_value("d" * 1001)
        look.wrong[:] = [each for each in look.wrong if "422" not in each]


def test_the_browser_asks_before_it_leaves_a_dek_that_is_not_kept(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        page.on("dialog", stay)
        dek_of(page, 1).press_sequentially("Half a dek")
        page.get_by_role("link", name="Outbox").or_(page.get_by_role("link", name="Today")).first.click()
        expect(page.get_by_label("Dek in this digest")).to_have_value(re.compile("Half a dek"))
        assert asked == ["beforeunload"]


def test_a_link_that_is_followed_right_after_the_last_key_waits_for_the_words(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    asked: list[str] = []
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        page.on("dialog", lambda dialog: asked.append(dialog.type))
        page.evaluate(
            """() => {
                const intro = document.getElementById("intro");
                intro.value = "Typed and gone";
                intro.dispatchEvent(new Event("input", { bubbles: true }));
                document.querySelector('a[href$="/schedule"]').click();
            }"""
        )
        page.wait_for_url("**/schedule")
        assert asked == []
        assert stored(db, draft).intro == "Typed and gone"


def test_a_move_without_a_connection_is_made_when_it_is_back(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        expect(page.locator(".matrix")).to_be_visible()
        page.on("dialog", stay)
        page.context.set_offline(True)
        story(page, 2).get_by_role("button", name="Out B").click()
        expect(page.locator("#saved")).to_contain_text("It is tried again by itself")
        page.get_by_role("link", name="Today").click()
        assert asked == ["beforeunload"]
        page.context.set_offline(False)
        expect(page.locator(".items > li")).to_have_count(1)
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert len(stored(db, draft).items) == 1
        look.wrong[:] = [each for each in look.wrong if "ERR_INTERNET_DISCONNECTED" not in each]


def test_another_session_of_the_same_person_saves_what_was_written(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    """After a sign-out in another tab and a new sign-in, the page's forms have the token of the session before."""
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        desk.sign_in_browser(page.context, db, settings, editor)
        page.get_by_label("Intro").fill(WORDS)
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(db, draft).intro == WORDS
        story(page, 2).get_by_role("button", name="Out B").click()
        expect(page.locator(".items > li")).to_have_count(1)
        look.wrong[:] = [each for each in look.wrong if "403" not in each]


def test_nothing_is_called_saved_that_was_refused(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    """Somebody else signed in in this browser: nothing is saved in their name, and the words stay where they are."""
    other = desk.add_person(db, Role.EDITOR, name="Jonas Berg", email="jonas@dispatch.example")
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        desk.sign_in_browser(page.context, db, settings, other)
        page.get_by_label("Intro").fill(WORDS)
        line = page.locator("#saved")
        expect(line).to_contain_text("the desk refused it")
        page.get_by_label("Search candidates").fill("A")  # brings the page's parts anew
        expect(page.locator("[data-part=candidates]")).to_contain_text("Found")
        expect(line).to_contain_text("the desk refused it")
        expect(page.get_by_label("Intro")).to_have_value(WORDS)
        assert stored(db, draft).intro == ""
        look.wrong[:] = [each for each in look.wrong if "403" not in each]


def test_a_fault_of_the_desk_is_said_and_tried_again(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int, editor: int
) -> None:
    def fail(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=503, content_type="text/html", body="<h1>Something went wrong here</h1>")
        else:
            route.continue_()

    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        page.route("**/compose*", fail)
        page.get_by_label("Intro").fill(WORDS)
        expect(page.locator("#saved")).to_contain_text("It is tried again by itself")
        page.unroute("**/compose*")
        page.evaluate("dispatchEvent(new Event('focus'))")
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(db, draft).intro == WORDS
        look.wrong[:] = [each for each in look.wrong if "503" not in each]


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
