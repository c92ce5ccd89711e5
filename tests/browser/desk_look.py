"""Looking at the desk in a real browser, signed in by a row and not by the page to sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.browser.test_pages_look import Look, looking
from tests.services import desk

PHONES = ((375, "200%"), (320, ""))
"""Widths, and the size of text there: twice the usual one (WCAG 1.4.4), and the width of reflow (WCAG 1.4.10)."""

HINDRANCES = r"""() => {
  const root = document.documentElement, found = [];
  if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth - root.clientWidth} px too wide`);
  for (const each of document.querySelectorAll("body *")) {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
    const isRegion = each.matches("[tabindex='0']:is([role=group], [role=region]):is([aria-label], [aria-labelledby])");
    if (scrolls && each.scrollWidth > each.clientWidth + 1 && !isRegion) found.push(each.outerHTML.slice(0, 80));
  }
  const range = document.createRange();
  for (const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT); walk.nextNode(); ) {
    const text = walk.currentNode;
    if (text.parentElement.closest(".out, textarea, option, thead") || !text.parentElement.checkVisibility()) continue;
    for (const word of text.data.matchAll(/(?<!\S)\p{L}{2,8}(?!\S)/gu)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(each => Math.round(each.top)));
      if (lines.size > 1) found.push(`“${word[0]}” is cut in ${text.parentElement.outerHTML.slice(0, 80)}`);
    }
  }
  return found;
}"""
"""What hinders somebody with a small screen or large text: the page scrolls sideways, or something in it that is no
region of its own, or a short word is cut in two."""


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


def check_on_phones(look: Look) -> None:
    """Look at the page that is open on phones, and leave it as it was."""
    before = look.page.viewport_size
    assert before
    for width, size in PHONES:
        look.page.set_viewport_size({"width": width, "height": 800})
        look.page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        found = look.page.evaluate(HINDRANCES)
        assert not found, (look.page.url, width, found)
    look.page.set_viewport_size(before)
