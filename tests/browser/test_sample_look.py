"""The last letter on the front page, its own page, and its mail, in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.browser.test_pages_look import LONG, WORD, looking
from tests.factories import add_article, add_readers, hand_over


@pytest.fixture(autouse=True)
def _sent(db: Database, settings: Settings) -> None:
    add_article(db, LONG)
    add_article(db, f"{WORD} & <b>Co</b>", section="Research", trust=42)
    add_readers(db, 1)
    hand_over(db, settings)


def test_a_visitor_looks_at_the_letter_and_at_its_mail(browser: Browser, site: str) -> None:
    with looking(browser, site) as look:
        look.open("/sample")
        letter = look.page.url
        assert letter.startswith(f"{site}/letters/")
        look.open("/")
        look.follow("Read the whole letter")
        assert look.page.url == letter
        look.follow("The email itself, as it was sent")
        heading = look.page.get_by_role("heading", name="Dispatch")
        assert heading.evaluate("e => getComputedStyle(e).fontSize") == "34px", "the mail's own styles count"
        look.follow("Unsubscribe")
        assert look.page.get_by_role("heading", name="This was a sample").is_visible()
        # The sandbox refuses the scripts by which this test looks at the page; the mail has none (see its own test).
        look.wrong = [
            words for words in look.wrong if not words.startswith(f"Blocked script execution in '{letter}/mail'")
        ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_front_page_with_a_letter_fits_and_is_accessible(
    browser: Browser, site: str, scheme: str, width: int
) -> None:
    with looking(browser, site, scheme=scheme, width=width, script=True) as look:
        look.open("/")
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(look.page)
        assert found.violations_count == 0, found.generate_report()
