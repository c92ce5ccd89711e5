"""The composer in a real browser: by keys alone, by dragging, beside another editor, and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from newsletter.core.actors import Actor, ActorKind
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests import draft_articles
from newsletter.digests.queries import get_digest
from newsletter.staff.rights import Role
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.browser.test_every_page import violations
from tests.browser.test_pages_look import LONG, WORD
from tests.factories import add_article, add_digest, add_readers
from tests.services import desk

SAVED = re.compile(r"^Saved today, \d\d:\d\d$")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=at_localhost(settings.public_url))


@pytest.fixture
def draft(db: Database) -> int:
    """A draft of A, B and C; D is a candidate."""
    for title, trust in (("A", 90), ("B", 80), ("C", 70)):
        add_article(db, title, trust=trust)
    number = add_digest(db)
    add_article(db, "D", trust=60)
    add_readers(db, 3)
    return number


def stored(db: Database, number: int) -> str:
    """The titles in their order, and the subject."""
    with db.reading() as session:
        digest = get_digest(session, number)
        return "".join(revision.title for revision in digest.revisions) + " " + digest.subject


def titles(page: Page) -> list[str]:
    return page.locator(".items h3").all_inner_texts()


def test_composing_by_keys_alone(browser: Browser, site: str, settings: Settings, db: Database, draft: int) -> None:
    person = desk.add_person(db, Role.EDITOR)
    with looking_at_desk(browser, settings, db, person) as look:
        page, keys = look.page, look.page.keyboard
        look.open(f"/desk/digests/{draft}/compose")
        said = page.locator("#said")
        page.locator(".items > li").first.focus()
        keys.press("Alt+ArrowDown")
        expect(said).to_have_text("Moved “A” to 2")
        assert titles(page) == ["B", "A", "C"]
        expect(page.locator("#story-a")).to_be_focused()
        keys.press("j")
        expect(page.locator("#story-c")).to_be_focused()
        keys.press("x")
        expect(said).to_have_text("Took out “C”")
        expect(page.locator("#story-a")).to_be_focused()
        keys.press("d")
        expect(page.get_by_label("Dek in this digest")).to_be_focused()
        keys.type("x j k Our own ")  # letters are letters while one writes
        keys.press("Tab")
        keys.press("Enter")
        expect(said).to_have_text("Changed the dek of “A”")
        expect(page.locator("#story-a")).to_be_focused()
        page.get_by_label("Search candidates").fill("unused trust 60")
        page.locator('#candidates li[data-slug="d"]').focus()
        keys.press("Space")
        expect(said).to_have_text("Added “D”")
        page.get_by_label("Subject").focus()
        keys.press("Control+a")
        keys.type("By keys")
        expect(page.locator("#saved")).to_have_text(SAVED)
        expect(
            page.frame_locator("#frame")
            .get_by_text("In this letter")
            .or_(page.frame_locator("#frame").locator("h2").first)
        ).to_be_visible()
        assert stored(db, draft) == "BAD By keys"
        page.get_by_role("button", name="Undo: Changed the words").focus()
        keys.press("Enter")
        expect(said).to_have_text("Undone: Changed the words around the stories")
    assert stored(db, draft) == "BAD B"


def test_dragging_and_the_grip(browser: Browser, site: str, settings: Settings, db: Database, draft: int) -> None:
    with looking_at_desk(browser, settings, db, desk.add_person(db, Role.EDITOR)) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        expect(page.locator(".matrix")).to_be_visible()
        drag_first_below_second(page)
        expect(page.locator("#said")).to_have_text("Moved “A” to 2")
        assert stored(db, draft).startswith("BAC")
        page.get_by_role("button", name="Move story 2, A").focus()
        page.keyboard.press("ArrowDown")
        expect(page.locator("#said")).to_have_text("Moved “A” to 3")
        expect(page.get_by_role("button", name="Move story 3, A")).to_be_focused()
        assert stored(db, draft).startswith("BCA")


def test_what_comes_while_one_drags_takes_nothing_out_of_the_hand(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int
) -> None:
    held: list[Route] = []
    with looking_at_desk(browser, settings, db, desk.add_person(db, Role.EDITOR)) as look:
        page = look.page
        page.route("**/compose?count=editions", lambda route: held.append(route))
        look.open(f"/desk/digests/{draft}/compose")

        def answer() -> None:
            with page.expect_response("**/compose?count=editions"):
                held.pop().continue_()
            expect(page.locator(".matrix")).to_be_visible()

        drag_first_below_second(page, meanwhile=answer)
        expect(page.locator("#said")).to_have_text("Moved “A” to 2")
        assert stored(db, draft).startswith("BAC")


def drag_first_below_second(page: Page, meanwhile: Callable[[], None] = lambda: None) -> None:
    start = page.locator(".items .grip").first.bounding_box()
    end = page.locator(".items > li").nth(1).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + end["height"] / 2, steps=6)
    meanwhile()
    page.mouse.move(start["x"] + 5, end["y"] + end["height"] - 4, steps=6)
    page.mouse.up()


def test_beside_another_editor_no_word_is_lost(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int
) -> None:
    person = desk.add_person(db, Role.EDITOR)
    other = desk.add_person(db, Role.EDITOR, name="Jonas Berg", email="jonas@dispatch.example")
    with looking_at_desk(browser, settings, db, person) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        expect(page.locator(".matrix")).to_be_visible()
        with db.transaction() as session:
            draft_articles.drop_article(session, draft, "b", by=Actor(ActorKind.EDITOR, other))
        page.locator(".items > li").first.focus()
        page.keyboard.press("d")
        page.get_by_label("Dek in this digest").fill("Half a dek")
        page.get_by_label("Subject").fill("My words")
        expect(page.get_by_role("alert")).to_contain_text("Took out “B”, by Jonas Berg")
        assert titles(page) == ["A", "C"]
        assert page.get_by_label("Subject").input_value() == "My words"
        assert page.get_by_label("Dek in this digest").input_value() == "Half a dek"
        assert stored(db, draft) == "AC A"
        page.get_by_label("Subject").press("Enter")
        expect(page.locator("#saved")).to_have_text(SAVED)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert stored(db, draft) == "AC My words"
        # Without a connection it is said, and saved when it is back.
        page.context.set_offline(True)
        page.get_by_label("Subject").fill("Offline words")
        expect(page.locator("#saved")).to_contain_text("no connection")
        page.context.set_offline(False)
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(db, draft) == "AC Offline words"
        look.wrong[:] = [each for each in look.wrong if "ERR_INTERNET_DISCONNECTED" not in each and "409" not in each]


def test_the_preview_in_its_frame(browser: Browser, site: str, settings: Settings, db: Database, draft: int) -> None:
    with looking_at_desk(browser, settings, db, desk.add_person(db, Role.EDITOR)) as look:
        page = look.page
        page.emulate_media(color_scheme="null")
        look.open(f"/desk/digests/{draft}/compose")
        frame = page.frame_locator("#frame")
        light = frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        font = frame.locator("h2").first.evaluate("title => getComputedStyle(title).fontFamily")
        assert font != "Times New Roman"
        page.get_by_label("Dark").check(force=True)
        expect(frame.locator("body")).not_to_have_css("background-color", light)
        page.get_by_label("Edition").select_option("chosen")
        page.get_by_label("Lowest trust").fill("85")
        page.get_by_label("Lowest trust").blur()
        expect(frame.locator("h2", has_text="A")).to_be_visible()
        expect(frame.locator("h2", has_text="B")).to_have_count(0)
        page.get_by_label("Text").check(force=True)
        expect(frame.locator("pre")).to_contain_text("DISPATCH")


def test_composing_without_a_script(browser: Browser, site: str, settings: Settings, db: Database, draft: int) -> None:
    with looking_at_desk(browser, settings, db, desk.add_person(db, Role.EDITOR), script=False, width=375) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        page.get_by_label("Intro, Markdown").fill("Typed before another button")
        look.press("Down: A")
        expect(page.get_by_label("Intro, Markdown")).to_have_value("Typed before another button")
        look.press("Out C")
        page.get_by_label("Search candidates").fill("D")
        look.press("Search")
        look.press("Add D")
        look.press("Dek A")
        page.get_by_label("Dek in this digest").fill("Our own")
        look.press("Keep this dek")
        page.get_by_label("Subject").fill("Without a script")
        look.press("Save the words")
        look.press("Undo: Changed the words around the stories")
        look.press("Redo: Changed the words around the stories")
        page.get_by_label("Search candidates").fill("unused C")
        look.press("Search")
        look.press("Add C")
        look.press("Count the readers of each edition")
        look.press("All 4 stories")
        assert "edition=15" in (page.locator("#frame").get_attribute("src") or "")
    assert stored(db, draft) == "BADC Without a script"


def test_no_word_is_lost_without_a_script(
    browser: Browser, site: str, settings: Settings, db: Database, draft: int
) -> None:
    """Whatever is pressed next, the words around the stories and an open dek are saved, and search and preview stay."""
    with looking_at_desk(browser, settings, db, desk.add_person(db, Role.EDITOR), script=False) as look:
        page = look.page
        look.open(f"/desk/digests/{draft}/compose")
        subject, dek = page.get_by_label("Subject"), page.get_by_label("Dek in this digest")

        def press(name: str) -> None:
            """A button that stands beside the letter, with other words each time."""
            subject.fill(f"Before {name}")
            look.press(name)
            if "compose" in page.url:
                expect(subject).to_have_value(f"Before {name}")
            else:
                look.open(f"/desk/digests/{draft}/compose")
                expect(subject).to_have_value(f"Before {name}")

        press("Dek A")
        assert page.url.endswith("#story-a")
        dek.fill("Open while another is pressed")
        press("Dek B")
        expect(page.locator("#story-a")).to_contain_text("“Open while another is pressed”")
        dek.fill("Kept by its own button")
        press("Keep this dek")
        expect(page.locator("#story-b")).to_contain_text("“Kept by its own button”")
        page.get_by_label("Search candidates").fill("D")
        page.get_by_label("Lowest trust").evaluate("field => { field.closest('details').open = true }")
        page.get_by_label("Edition").select_option("chosen")
        page.get_by_label("Lowest trust").fill("85")
        press("Show")
        assert "trust=85" in (page.locator("#frame").get_attribute("src") or "")
        press("Out C")
        expect(page.get_by_label("Search candidates")).to_have_value("D")
        expect(page.get_by_label("Lowest trust")).to_have_value("85")
        subject.fill("Before Enter")
        page.get_by_label("Search candidates").fill("unused trust 60")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(subject).to_have_value("Before Enter")
        expect(page.get_by_text("Found", exact=True)).to_be_visible()
        press("All candidates")
        for name in ("Count the readers of each edition", "Count again", "Send a test", "Choose a time", "Open alone"):
            press(name)


def test_it_is_accessible_and_fits_everywhere(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    for number, title in enumerate((LONG, WORD, "<b>{{ 7 * 7 }}</b>", "A", "B", "C", "D", "E", "F", "G")):
        add_article(db, title, section=f"Section {number}", trust=60 + number)
    draft = add_digest(db)
    with db.transaction() as session:
        draft_articles.drop_article(session, draft, "a", by=Actor(ActorKind.EDITOR, 1))
        draft_articles.set_dek(session, draft, "b", f"{WORD} {LONG}", by=Actor(ActorKind.EDITOR, 1))
    add_readers(db, 3)
    person = desk.add_person(db, Role.EDITOR)
    for scheme in ("light", "dark"):
        with looking_at_desk(browser, settings, db, person, scheme=scheme) as look:
            look.open(f"/desk/digests/{draft}/compose?dek=b")
            expect(look.page.locator(".matrix")).to_be_visible()
            look.page.locator("main details").first.evaluate("element => { element.open = true }")
            assert violations(look) == []
            for width in (320, 375, 768, 1200):
                look.page.set_viewport_size({"width": width, "height": 800})
                assert look.page.evaluate("document.documentElement.scrollWidth") <= width, width
