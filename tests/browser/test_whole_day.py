"""A whole day at the desk: from the invitation to a letter that was sent and watched, in Chromium, by the real web
server, clock, worker and queue, against a stand-in of SendGrid; with scripts, and without as far as it goes.

`make test` runs it on SQLite, `make chaos` on PostgreSQL too (`whole_days`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.browser.test_desk import add_authenticator
from tests.browser.whole_day import Day, expect_stories, number_in
from tests.factories import REAL_ARTICLE, add_article, add_readers
from tests.services import desk
from tests.services.processes import RunningService, on_one_machine
from tests.services.sendgrid_exchange import Behaviour, Exchange, taken_and_reset
from tests.services.sendgrid_standin import SendGridStandIn
from tests.services.whole_days import KINDS

MARA = "mara@dispatch.example"
REAL = "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings"
SENT_AS = "Musk under oath, and two stories more"
SOURCE = "https://sources.example/story"
TRACKED = "Read more at [the court](https://court.example/files?utm_source=letter)."
CLEAN = "Read more at [the court](https://court.example/files)."
READERS, OF_RESEARCH = 2500, 500


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One machine, on a port of its own; passkeys need the name localhost."""
    settings = on_one_machine(settings, with_site=True)
    return replace(settings, public_url=at_localhost(settings.public_url))


@pytest.fixture
def world(db: Database) -> Database:
    """Two stories of the days before, and readers of two kinds."""
    add_article(db, "A model is tested", section="Research", trust=80)
    add_article(db, "A law is passed", section="Policy", trust=75)
    add_readers(db, READERS - OF_RESEARCH)
    add_readers(db, OF_RESEARCH, start=READERS, sections=["Research"])
    return db


@pytest.fixture
def provider() -> Iterator[SendGridStandIn]:
    with SendGridStandIn() as provider:
        yield provider


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without a script"])
def test_a_whole_day(
    browser: Browser, settings: Settings, world: Database, provider: SendGridStandIn, script: bool
) -> None:
    width = 1280 if script else 375
    with looking_at_desk(browser, settings, world, None, script=script, width=width) as look:
        with RunningService(settings, workers=0) as service:
            service.start_web()
            day = Day(look, service, world, script)
            (come_with_passkey if script else come_with_password)(day)
            bring_in(day)
            edit_and_publish(day)
            digest = (compose_by_keyboard if script else compose_by_buttons)(day)
            preview_each_edition(day, digest)
            send_test(day, digest)
        sending = replace(provider.settings(settings), mail_deadline=timedelta(seconds=60))
        with RunningService(sending, workers=1) as service:
            service.start_web()
            day.service = service
            schedule(day, digest)
            send_and_decide(day, digest, provider)
        look.wrong[:] = [each for each in look.wrong if "ERR_CONNECTION_REFUSED" not in each]


def come_with_passkey(day: Day) -> None:
    """Invited; a passkey first, then password and code as well."""
    add_authenticator(day.page)
    day.look.open(day.invite(MARA))
    day.page.get_by_label("Your name, as colleagues see it").first.fill("Mara Weiss")
    day.look.press("Make a passkey")
    assert day.heading() == "Today"
    day.leave()
    day.look.open("/desk/account")
    day.look.press("Sign in with a passkey")
    assert day.heading() == "Your account"
    day.look.press("Set up a password and a code app")
    day.page.get_by_label("Password").fill(desk.PASSWORD)
    day.code_app = day.page.locator(".mono").inner_text().replace(" ", "")
    day.page.get_by_label("The six digits").fill(day.next_code())
    day.look.press("Use this app")
    day.look.follow("I have kept them")
    day.leave()
    day.enter_with_password(MARA)


def come_with_password(day: Day) -> None:
    """Invited; passkeys need a script, so with password and code."""
    day.look.open(day.invite(MARA))
    day.page.get_by_text("Or with a password and a code app").click()
    form = day.page.locator("details form")
    form.get_by_label("Your name").fill("Mara Weiss")
    form.get_by_label("Password").fill(desk.PASSWORD)
    day.code_app = form.locator(".mono").inner_text().replace(" ", "")
    form.get_by_label("The six digits").fill(day.next_code())
    day.look.press("Set up with password and code")
    day.look.follow("I have kept them")
    day.leave()
    day.enter_with_password(MARA)


def bring_in(day: Day) -> None:
    """The real article, from its saved page to a draft."""
    day.look.open("/desk/articles/bring-in")
    day.page.get_by_label("Pages saved as text").set_input_files(REAL_ARTICLE)
    day.look.press("Read it")
    day.shows("Nothing is kept yet.", "0 not understood")
    day.page.get_by_label("Address of source 1").fill(SOURCE)
    day.look.press("Make a draft of it")


def edit_and_publish(day: Day) -> None:
    page = day.page
    expect(page.locator("#title")).to_have_value(REAL)
    page.locator("#dek").fill("Under oath he said “partly”.")
    if day.script:
        expect(page.locator("#saved")).to_contain_text("Saved")
        expect(page.frame_locator("#preview").get_by_text("Under oath he said “partly”.")).to_be_visible()
        with page.expect_navigation():
            page.keyboard.press("Control+Enter")
    else:
        day.look.press("Publish the story")
    expect(page.get_by_text("Published. The draft is done with.")).to_be_visible()


def compose_by_keyboard(day: Day) -> int:
    """From the list of digests to a letter that may go out, without the mouse; the number of the digest."""
    page, keys = day.page, day.page.keyboard
    day.look.open("/desk/digests")
    day.enter(page.get_by_role("button", name="New digest"))
    digest = number_in(page.url)
    day.retype(page.locator("#q"), "unused")
    candidates = page.locator("#candidates li[data-slug]")
    expect(candidates).to_have_count(3)
    day.tab_to(candidates.first)
    for title in (REAL, "A law is passed", "A model is tested"):
        day.type_one("Space", f"Added “{title[:50]}")
        keys.press("j")
    day.look.open(f"/desk/digests/{digest}/compose")
    day.tab_to(page.locator(".items > li").first)
    keys.press("j")
    keys.press("j")
    day.type_one("Alt+ArrowUp", "Moved “A model is tested” to 2")
    day.look.open(f"/desk/digests/{digest}/compose")
    day.retype(page.locator("#subject"), SENT_AS)
    day.retype(page.locator("#intro"), TRACKED)
    findings = page.locator("[data-part=preflight]")
    expect(findings.get_by_text("tracking parameter utm_source")).to_be_visible()
    day.enter(page.get_by_role("link", name="Choose a time"))
    refuses(day)
    day.enter(page.get_by_role("link", name="Back to the letter"))
    day.retype(page.locator("#intro"), CLEAN)
    expect(findings.get_by_text("Blocks")).to_have_count(0)
    expect(page.locator("#saved")).to_contain_text("Saved today")
    return digest


def compose_by_buttons(day: Day) -> int:
    """The same by buttons that need no script."""
    page = day.page
    day.look.open("/desk/digests")
    day.look.press("New digest")
    digest = number_in(page.url)
    page.get_by_label("Search candidates").fill("unused")
    day.look.press("Search")
    for title in (REAL, "A law is passed", "A model is tested"):
        day.look.press(f"Add {title}")
    day.look.press("Up: A model is tested")
    page.get_by_label("Subject").fill(SENT_AS)
    page.get_by_label("Intro").fill(TRACKED)
    day.look.press("Save the words")
    day.look.press("Choose a time")
    refuses(day)
    day.look.follow("Back to the letter")
    page.get_by_label("Intro").fill(CLEAN)
    day.look.press("Save the words")
    expect(page.locator("[data-part=preflight]").get_by_text("Blocks")).to_have_count(0)
    return digest


def refuses(day: Day) -> None:
    """The page of the digest's time names what is in the way, and offers no button."""
    expect(day.page.get_by_text("1 finding blocks it").first).to_be_visible()
    expect(day.page.get_by_text("tracking parameter utm_source").first).to_be_visible()
    expect(day.page.get_by_role("button", name="Keep this time")).to_be_disabled()
    expect(day.page.get_by_role("button", name="Send it now")).to_be_disabled()


def preview_each_edition(day: Day, digest: int) -> None:
    """All stories, and those of readers of one section; in HTML and as text."""
    page, frame = day.page, day.page.frame_locator("#frame")
    rest = ["A law is passed", REAL]
    if day.script:
        expect(page.locator("#edition optgroup option")).to_have_count(4)
        expect_stories(frame, ["A model is tested", *rest], [])
        day.tab_to(page.get_by_label("Edition"))
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect_stories(frame, ["A model is tested"], rest)
        page.get_by_label("Text").check(force=True)
    else:
        expect_stories(frame, ["A model is tested", *rest], [])
        day.look.press("Count the readers of each edition")
        page.get_by_label("Edition").select_option(index=2)
        page.get_by_label("Text").check(force=True)
        day.look.press("Show")
    expect(frame.locator("pre")).to_contain_text("A model is tested")
    expect(frame.locator("pre")).not_to_contain_text("A law is passed")


def send_test(day: Day, digest: int) -> None:
    """To oneself, as a reader of one section; it lies in the outbox, and nothing left this machine."""
    day.look.open(f"/desk/digests/{digest}/test")
    expect(day.page.get_by_label("Mara Weiss")).to_be_checked()
    day.page.get_by_label("Research").check()
    day.look.press("Send the test")
    day.look.follow("Look at it in the outbox")
    day.shows("Nothing here has left this machine.", "a test, not counted")
    expect(day.page.get_by_role("heading", level=2).first).to_contain_text("[Test]")
    expect_stories(day.page.frame_locator("iframe"), ["A model is tested"], [REAL])


def schedule(day: Day, digest: int) -> None:
    """For a day to come, and then for now."""
    day.look.open(f"/desk/digests/{digest}/schedule")
    day.page.get_by_label("Day", exact=True).fill("2999-03-30")
    day.page.get_by_role("textbox", name="Time").fill("07:00")
    day.look.press("Keep this time")
    day.shows("It goes out 30 March 2999, 07:00")
    day.look.open("/desk")
    day.shows("Next: weekly letter")
    day.look.open(f"/desk/digests/{digest}/schedule")


def send_and_decide(day: Day, digest: int, provider: SendGridStandIn) -> None:
    """Sent by the worker, watched, paused in the first batch and resumed; the second batch's answer gets lost."""
    page, service = day.page, day.service
    release = threading.Event()
    provider.script(held(release), taken_and_reset)
    day.look.press("Send it now")
    service.until(lambda: provider.asked > 0, "the first request")
    day.shows("0 % is accepted.")
    day.look.press("Pause")
    day.shows("Paused by Mara Weiss")
    release.set()
    service.until(lambda: day.state(digest).accepted > 0, "the end of the first batch")
    assert day.state(digest).status == "paused"
    assert provider.asked == 1, "no other batch went out"
    day.look.press("Go on")
    day.shows("we do not know whether")
    service.until(lambda: day.state(digest).waiting == 0, "the end of all other batches")
    day.shows("2,500", "Send it again")
    day.look.press("Count it as accepted")
    service.until(lambda: day.state(digest).status == "sent", "the end")
    day.shows("Sent. 2,500 of 2,500 accepted")
    assert provider.recipients == READERS
    assert set(provider.counts.values()) == {1}, "nobody got it twice"
    assert {mail.subject for mail in provider.mails()} == {SENT_AS, "A model is tested"}
    expect(page.locator("#head")).to_contain_text("sent")


def held(release: threading.Event) -> Behaviour:
    """Take a request, and answer when the test lets it."""

    def behave(exchange: Exchange) -> None:
        answer = exchange.take()
        release.wait(60)
        exchange.answer(*answer)

    return behave
