"""The editor of stories in a real browser: saving while somebody writes loses no word, whatever happens meanwhile."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import delete, select, update
from werkzeug.serving import BaseWSGIServer, make_server

from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.staff import people, sessions
from newsletter.staff.models import StaffSession
from newsletter.staff.rights import Role
from tests import factories
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.browser.test_every_page import violations
from tests.browser.test_pages_look import LONG, WORD, Look
from tests.factories import REAL_ARTICLE
from tests.services import desk

SAVED = re.compile(r"^Saved (just now|\d+ seconds ago)")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=at_localhost(settings.public_url))


@pytest.fixture
def editor(db: Database) -> int:
    return desk.add_person(db, Role.EDITOR)


@pytest.fixture
def slug(db: Database) -> str:
    return factories.add_article(db, "A story")


def stored(db: Database) -> DraftContent:
    """The one draft."""
    with db.reading() as session:
        return session.scalars(select(ArticleDraft)).one().content


def said(page: Page, words: str | re.Pattern[str]) -> None:
    """Wait for words of the saved line."""
    expect(page.locator("#saved")).to_contain_text(words)


def write(page: Page, name: str, text: str) -> None:
    page.locator(f"[name={name}]").first.fill(text)


def press_key(page: Page, name: str) -> None:
    """Press a button that leads to a page. Not by the mouse: right after scrolling, Chromium takes the frame for where
    it stood before."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).press("Enter")


def kept(page: Page) -> list[str]:
    """The names under which the browser keeps words."""
    found: list[str] = page.evaluate("Object.keys(localStorage)")
    return found


def test_writing_saves_and_the_frame_shows_the_public_page(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")
        write(page, "title", "A headline")
        write(page, "body", "First **words**.")
        said(page, SAVED)
        expect(page).to_have_url(re.compile("/desk/articles/drafts/1$"))
        frame = page.frame_locator("#preview")
        expect(frame.get_by_role("heading", level=1)).to_have_text("A headline")
        expect(frame.locator(".story strong")).to_have_text("words")
        # The stylesheets count in the frame, although it has an origin of its own.
        family = "element => getComputedStyle(element).fontFamily"
        public = page.context.new_page()
        public.goto(f"{settings.public_url}/articles/{factories.add_article(db, 'Another')}")
        expected = public.locator(".story p").first.evaluate(family)
        assert frame.locator(".story p").first.evaluate(family) == expected
        assert "serif" in expected
        public.close()
        # Rows, by keys and by buttons, without a new page.
        page.get_by_label("Point 1").fill("One")
        page.keyboard.press("Enter")
        page.keyboard.type("Two")
        page.keyboard.press("Alt+ArrowUp")
        expect(page.locator("#heard")).to_have_text("moved to 1 of 3")
        page.get_by_role("button", name="Take out point 3").click()
        page.get_by_label("Title of source 1").fill("A source")
        page.get_by_role("button", name="Add a source").click()
        page.get_by_label("Title of source 2").fill("First source")
        page.get_by_role("button", name="Up source 2").click()
        page.keyboard.press("Control+s")
        said(page, SAVED)
        expect(page.frame_locator("#preview").locator(".tldr li").first).to_have_text("Two")
        assert stored(db).points == ("Two", "One")
        assert [source.title for source in stored(db).sources] == ["First source", "A source"]
        assert kept(page) == []
        assert violations(look, {"iframes": False}) == []


def test_publishing_by_script_and_without(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int, slug: str
) -> None:
    for script in (True, False):
        with looking_at_desk(browser, settings, db, editor, script=script) as look:
            look.open(f"/desk/articles/stories/{slug}")
            write(look.page, "dek", f"Changed, script {script}.")
            look.page.get_by_label("A correction: we were wrong").press("Space")
            look.press("Publish the change")
            expect(look.page.locator("#note-error")).to_contain_text("The sentence for readers is missing.")
            write(look.page, "note", "It was 38.")
            look.press("Publish the change")
            expect(look.page.get_by_role("status").first).to_be_visible()
            expect(look.page.get_by_text("Published. The draft is done with.")).to_be_visible()
            look.follow("Public page")
            expect(look.page.get_by_text(f"Changed, script {script}.")).to_be_visible()


def test_each_button_works_at_its_first_press(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int, slug: str
) -> None:
    """Also when all that was written is saved, and nothing has to be waited for."""
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/articles/stories/{slug}")
        write(page, "dek", "Changed.")
        said(page, SAVED)
        page.get_by_role("button", name="Take out source 1").press("Enter")
        expect(page.get_by_label("Title of source 1")).to_have_count(0)
        expect(page.get_by_role("button", name="Add a source")).to_be_focused()
        said(page, SAVED)
        press_key(page, "Publish the change")
        expect(page.get_by_text("No source is listed.").first).to_be_visible()
        expect(page).to_have_url(re.compile("/desk/articles/drafts/1$"))
        page.get_by_role("button", name="Add a source").press("Enter")
        page.get_by_label("Title of source 1").fill("A source")
        said(page, SAVED)
        press_key(page, "Publish the change")
        expect(page.get_by_text("Published. The draft is done with.")).to_be_visible()
        page.locator("summary", has_text="Withdraw the story").press("Enter")
        write(page, "withdrawal", "It was not true.")
        press_key(page, "Withdraw it")
        expect(page.get_by_text("Revision 3 is withdrawn")).to_be_visible()
        look.wrong[:] = [each for each in look.wrong if "422" not in each]


def test_a_sentence_to_withdraw_a_story_begins_no_draft_of_it(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int, slug: str
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/articles/stories/{slug}")
        page.locator("summary", has_text="Withdraw the story").press("Enter")
        write(page, "withdrawal", "It was made up. " * 50)
        press_key(page, "Withdraw it")
        expect(page.locator("#withdrawal-error")).to_contain_text("at most 500")
        expect(page.locator("#withdrawal")).to_have_value("It was made up. " * 50)
        write(page, "withdrawal", "It was made up.")
        press_key(page, "Withdraw it")
        expect(page.get_by_text("Revision 2 is withdrawn")).to_be_visible()
        said(page, "No draft yet")
        assert kept(page) == []
        with db.reading() as session:
            assert session.scalars(select(ArticleDraft)).all() == []
        look.wrong[:] = [each for each in look.wrong if "422" not in each]


def test_words_of_a_draft_that_is_gone_are_kept(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")
        write(page, "title", "Saved")
        said(page, SAVED)
        with db.transaction() as session:
            session.execute(delete(ArticleDraft))
        write(page, "dek", "Written after the end")
        said(page, "This draft was published or discarded meanwhile.")
        assert len(kept(page)) == 1
        press_key(page, "Keep what you wrote as a new draft")
        said(page, "Saved today")
        assert (stored(db).title, stored(db).dek) == ("Saved", "Written after the end")
        expect(page.locator("#dek")).to_have_value("Written after the end")
        assert kept(page) == []
        look.wrong[:] = [each for each in look.wrong if "410" not in each]


def test_what_is_undone_needs_no_saving(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int, slug: str
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        look.open(f"/desk/articles/stories/{slug}")
        before = look.page.locator("#saved").inner_text()
        with offline(look):
            write(look.page, "title", "A stor")
            said(look.page, "No connection since")
            write(look.page, "title", "A story")
            expect(look.page.locator("#saved")).to_have_text(before)
        assert kept(look.page) == []


def test_a_cut_connection_keeps_the_words_in_the_browser(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")
        write(page, "title", "Saved")
        said(page, SAVED)
        with offline(look):
            write(page, "dek", "Written without a connection")
            said(page, "No connection since")
            assert len(kept(page)) == 1
        page.evaluate("window.dispatchEvent(new Event('online'))")
        said(page, SAVED)
        assert stored(db).dek == "Written without a connection"
        assert kept(page) == []
        with offline(look):
            write(page, "dek", "Written, then the window was closed")
            said(page, "No connection since")
            address = page.url
            page.close(run_before_unload=False)
        look.page = page = look.page.context.new_page()
        page.goto(address)
        expect(page.locator("#dek")).to_have_value("Written, then the window was closed")
        said(page, SAVED)
        assert stored(db).dek == "Written, then the window was closed"


@contextmanager
def offline(look: Look) -> Iterator[None]:
    """A cut connection. The console's lines about it are no fault of the page."""
    look.page.context.set_offline(True)
    yield
    look.page.context.set_offline(False)
    look.wrong[:] = [each for each in look.wrong if "ERR_INTERNET_DISCONNECTED" not in each]


def test_an_answer_that_is_lost_and_a_server_that_is_killed(
    browser: Browser, app: Flask, settings: Settings, db: Database, editor: int, listener: socket.socket
) -> None:
    """The server takes the save and dies before it answers. The words are there once, with those written meanwhile."""
    server = serve(app, listener)
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")

        def kill(route: Route) -> None:
            route.fetch()
            route.abort()
            server.shutdown()

        page.route("**/desk/articles/new", kill)
        write(page, "title", "Saved in the moment of the end")
        said(page, "No connection since")
        write(page, "dek", "Written while the server was down")
        page.unroute("**/desk/articles/new")
        again = serve(app, listener)
        page.evaluate("window.dispatchEvent(new Event('online'))")
        said(page, SAVED)
        content = stored(db)
        assert (content.title, content.dek) == ("Saved in the moment of the end", "Written while the server was down")
        assert kept(page) == []
        look.wrong[:] = [each for each in look.wrong if "ERR_" not in each]
        again.shutdown()


def serve(app: Flask, listener: socket.socket) -> BaseWSGIServer:
    """A server of the application in a thread."""
    server = make_server("127.0.0.1", listener.getsockname()[1], app, threaded=True, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_a_session_that_ended_goes_on_after_a_sign_in_in_another_tab(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")
        write(page, "title", "Saved")
        said(page, SAVED)
        old = next(cookie for cookie in page.context.cookies() if cookie["name"].startswith("desk"))
        end_sessions(db)
        write(page, "dek", "Written after the end")
        said(page, "Your session ended at")
        expect(page.get_by_role("link", name="Sign in in a new tab")).to_be_visible()
        assert len(kept(page)) == 1
        sign_in_again(look, settings, db, editor, str(old["value"]))
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        said(page, SAVED)
        assert stored(db).dek == "Written after the end"
        assert kept(page) == []
        look.wrong[:] = [each for each in look.wrong if "401" not in each]


def end_sessions(db: Database) -> None:
    with db.transaction() as session:
        past = clock.now() - timedelta(hours=13)
        session.execute(update(StaffSession).values(created_at=past, last_seen_at=past))


def sign_in_again(look: Look, settings: Settings, db: Database, person: int, former: str) -> None:
    """A new session in the same browser, as the page to sign in makes it."""
    with db.transaction() as session:
        member = people.get_member(session, person)
        token = sessions.start_session(session, member, "Firefox on Linux", former_token=former)
    name, domain = desk.cookie_name(settings), settings.public_host
    look.page.context.add_cookies(
        [{"name": name, "value": token, "domain": domain, "path": "/desk", "httpOnly": True, "sameSite": "Lax"}]
    )


def test_two_tabs_and_two_people_choose_between_their_texts(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int, slug: str
) -> None:
    other = desk.add_person(db, Role.EDITOR, name="Tomás Ferreira", email="t@dispatch.example")
    with (
        looking_at_desk(browser, settings, db, editor) as look,
        looking_at_desk(browser, settings, db, other) as their_look,
    ):
        page, tab, theirs = look.page, look.page.context.new_page(), their_look.page
        look.open(f"/desk/articles/stories/{slug}")
        tab.goto(page.url)
        their_look.open(f"/desk/articles/stories/{slug}")
        write(theirs, "dek", "Their dek")
        write(theirs, "body", "Their body")
        said(theirs, SAVED)
        write(page, "dek", "My dek")
        said(page, "Tomás Ferreira saved this story at")
        write(tab, "title", "My other tab")
        said(tab, "Tomás Ferreira saved this story at")
        assert stored(db).dek == "Their dek"
        with page.expect_navigation():
            page.get_by_role("button", name="Compare the two").click()
        expect(page.get_by_text("Their body")).to_be_visible()
        assert violations(look, {"iframes": False}) == []
        page.get_by_role("group", name="Story").get_by_label("Saved at").check()
        look.press("Save what is chosen")
        assert (stored(db).dek, stored(db).body) == ("My dek", "Their body")
        with tab.expect_navigation():
            tab.get_by_role("button", name="Compare the two").click()
        expect(tab.get_by_text("You saved this story in another tab")).to_be_visible()
        with tab.expect_navigation():
            tab.get_by_role("link", name="Take all that was saved").click()
        expect(tab.locator("#title")).to_have_value("A story")
        assert kept(page) == []
        for each in (look, their_look):
            each.wrong[:] = [line for line in each.wrong if "409" not in line]


def test_signing_out_drops_what_the_browser_kept(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    with looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open("/desk/articles/new")
        page.route("**/desk/articles/new", lambda route: route.abort())
        write(page, "title", "Never saved")
        said(page, "No connection since")
        assert len(kept(page)) == 1
        look.press("Sign out")
        assert kept(page) == []
        look.wrong[:] = [each for each in look.wrong if "ERR_FAILED" not in each]


def test_every_page_of_stories_by_day_and_by_night(
    browser: Browser, site: str, settings: Settings, db: Database, editor: int
) -> None:
    slug = factories.add_article(db, f"{LONG} {WORD}")
    with looking_at_desk(browser, settings, db, editor) as look:
        look.open("/desk/articles/new")
        write(look.page, "title", WORD)
        write(look.page, "body", "W" * 500)
        look.press("Publish the story")
        expect(look.page.get_by_role("alert")).to_be_visible()
        look_at(look)
        for path in ("", "?q=nowhere", f"/stories/{slug}", "/new", "/bring-in"):
            look.open(f"/desk/articles{path}")
            look_at(look)
        look.open("/desk/articles/bring-in")
        write(look.page, "pasted", REAL_ARTICLE.read_text("utf-8").replace("HypeSome", "Unknown line\nHypeSome"))
        look.press("Read it")
        look_at(look)


def look_at(look: Look) -> None:
    """Read the page with axe, and see that it is never broader than the window. No script runs in the frame, whose page
    is a public one: axe would wait for it."""
    assert violations(look, {"iframes": False}) == []
    for width in (320, 375, 768, 1280):
        look.page.set_viewport_size({"width": width, "height": 800})
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width, (look.page.url, width)
