"""Looking at the desk in a real browser, signed in by a row and not by the page to sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.browser.test_pages_look import Look, looking
from tests.services import desk


class DeskLook(Look):
    """A page of the desk, which has its cookies and keeps nothing else."""

    def check(self) -> None:
        """Nothing went wrong, nothing was kept but the desk's cookies, nothing scrolls sideways."""
        # Chromium says on the console what the header of a sign-out cleared.
        assert [each for each in self.wrong if not each.startswith("Clear-Site-Data header")] == []
        cookies = self.page.context.cookies()
        assert all(cookie["name"].removeprefix("__Host-").startswith("desk") for cookie in cookies)
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies)
        assert self.page.context.storage_state()["origins"] == []


@contextmanager
def looking_at_desk(
    browser: Browser,
    settings: Settings,
    db: Database,
    person: int | None,
    *,
    scheme: str = "light",
    width: int = 1280,
    script: bool = True,
) -> Iterator[Look]:
    """A browser at the desk, with the person of this number signed in; None for nobody.

    PUBLIC_URL is on localhost: `at_localhost` makes it so.
    """
    site = settings.public_url
    with looking(browser, site, scheme=scheme, width=width, script=script, kind=DeskLook) as look:
        if person is not None:
            desk.sign_in_browser(look.page.context, db, settings, person)
        yield look


def at_localhost(url: str) -> str:
    """The address of the site as the desk has it on one machine."""
    return url.replace("127.0.0.1", "localhost")
