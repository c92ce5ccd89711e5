"""An editor at the desk, in a real browser, with or without a script, and the service behind it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass

import pyotp
from playwright.sync_api import FrameLocator, Locator, Page, expect

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.delivery.reports.status import DigestState
from tests.browser.test_pages_look import Look
from tests.factories import state_of
from tests.services import desk
from tests.services.processes import RunningService, environment_of
from tests.services.source import CHECKOUT

MOST_STOPS = 120
"""Presses of Tab until something must have the focus."""


@dataclass
class Day:
    """What the steps of the day need. `code_app` is the secret of the phone's app, once there is one."""

    look: Look
    service: RunningService
    db: Database
    script: bool
    code_app: str = ""
    codes: int = 0
    """How many codes were used: none is accepted twice."""

    @property
    def page(self) -> Page:
        return self.look.page

    def command(self, *words: str) -> str:
        """What a command of `newsletter` prints."""
        ran = subprocess.run(
            [sys.executable, "-m", "newsletter", *words],
            env=environment_of(self.service.settings),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout

    def invite(self, email: str) -> str:
        """The path of the link that the operator gets for a new admin."""
        link: str = json.loads(self.command("editors", "add", email, "--role", "admin", "--json"))["link"]
        return link.removeprefix(self.look.site)

    def next_code(self) -> str:
        """A code of the app that was not used: the app's clock may be one step ahead."""
        self.codes += 1
        return pyotp.TOTP(self.code_app).at(clock.now(), counter_offset=self.codes - 1)

    def leave(self) -> None:
        """Sign out."""
        menu = self.page.get_by_text("Menu", exact=True)
        if menu.is_visible():  # of a narrow window
            menu.click()
        self.page.get_by_role("button", name="Sign out").first.click()
        self.page.wait_for_url("**/desk/sign-in")

    def enter_with_password(self, email: str) -> None:
        """Sign in by password and code, on the way to a page that asks for it."""
        self.look.open("/desk/account")
        self.page.get_by_label("Your email address").fill(email)
        self.page.get_by_label("Password").fill(desk.PASSWORD)
        self.look.press("Go on to the second step")
        self.page.get_by_label("The six digits").fill(self.next_code())
        self.look.press("Sign in")
        assert self.heading() == "Your account"

    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    def shows(self, *words: str) -> None:
        """Wait until the page says each of these: live with a script, and by looking again without."""
        if self.script:
            for each in words:
                expect(self.page.get_by_text(each).first).to_be_visible(timeout=30_000)
        else:
            self.service.until(lambda: self._says_now(words), f"a page with {words}", pause=0.1)

    def _says_now(self, words: tuple[str, ...]) -> bool:
        self.page.reload()
        return all(self.page.get_by_text(each).first.is_visible() for each in words)

    def state(self, digest: int) -> DigestState:
        return state_of(self.db, digest)

    # ---- The keyboard alone

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the focus is there."""
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {target}")

    def enter(self, target: Locator) -> None:
        """Go to a link or a button by Tab, and wait for the page behind it."""
        self.tab_to(target)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def retype(self, field: Locator, text: str) -> None:
        """Go to a field by Tab, and write something else there."""
        self.tab_to(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def type_one(self, key: str, said: str) -> None:
        """Press a key of the composer, and hear what came of it."""
        self.page.keyboard.press(key)
        expect(self.page.locator("#said")).to_contain_text(said)


def expect_stories(frame: FrameLocator, shown: list[str], missing: list[str]) -> None:
    """Wait until a framed mail has the stories of these headlines, and not the others."""
    for each in shown:
        expect(frame.locator("h2", has_text=each)).to_be_visible()
    for each in missing:
        expect(frame.locator("h2", has_text=each)).to_have_count(0)


def number_in(url: str) -> int:
    """The number of a digest in an address of the desk."""
    found = re.search(r"/digests/([0-9]+)/", url)
    assert found, url
    return int(found[1])
