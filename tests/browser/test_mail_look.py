"""Mails in a browser: nothing scrolls sideways, nothing is fetched, everything can be read, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from newsletter.digests.rendering import render_digest
from newsletter.mail.mjml import compile_mjml
from newsletter.mail.transactional_rendering import render_mail
from tests.services.patience import BROWSER_PATIENCE
from tests.services.rendered_digests import (
    DAY,
    HEADLINE,
    SETTINGS,
    Content,
    hostile_revisions,
    revision,
    revisions,
)
from tests.unit.test_mail_valid_mjml import CONTEXTS

Scheme = Literal["light", "dark"]
CONTRAST = {"runOnly": ["color-contrast", "color-contrast-enhanced"], "resultTypes": ["violations", "passes"]}
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 27)"}
GROUND = {"light": "rgb(244, 244, 240)", "dark": "rgb(15, 18, 20)"}


def letter(content: Content) -> str:
    rendered = render_digest(content, SETTINGS, day=DAY)
    return rendered.edition(rendered.full_mask)[0]


def german() -> str:
    rendered = render_digest(Content(revisions=[revision(), *revisions(2)]), SETTINGS, day=DAY, language="de")
    return rendered.edition(rendered.full_mask)[0]


LINK = "https://letters.example.org/confirm/" + "InNpZ24iLmFHVnNiRzgu" * 6
MAILS = {
    "letter": letter(Content(revisions=[revision(), revision("long", title=HEADLINE), *hostile_revisions()])),
    "letter in German": german(),
    "bare letter": letter(Content(preheader="", intro="", revisions=[revision(dek="", bullets=[])])),
    **{
        name: compile_mjml(render_mail(SETTINGS, name, {**context, "link": LINK}).mjml)
        for name, context in CONTEXTS.items()
    },
}


@contextmanager
def opened(browser: Browser, mail: str, width: int, scheme: Scheme) -> Iterator[tuple[Page, list[str]]]:
    """The mail in a window of that width, and the addresses that it fetched."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.set_default_timeout(BROWSER_PATIENCE)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.set_content(MAILS[mail], wait_until="load")
    yield page, fetched
    page.close()


def background(page: Page, selector: str) -> str:
    color: str = page.eval_on_selector(selector, "element => getComputedStyle(element).backgroundColor")
    return color


@pytest.mark.parametrize("mail", MAILS)
@pytest.mark.parametrize("width", [320, 375, 600, 1280])
def test_nothing_scrolls_sideways_and_nothing_is_fetched(browser: Browser, mail: str, width: int) -> None:
    with opened(browser, mail, width, "light") as (page, fetched):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        too_wide = "[...document.querySelectorAll('h1, h2, p, li, a')].filter(e => e.scrollWidth > e.clientWidth + 1"
        assert page.evaluate(too_wide + " && getComputedStyle(e).display != 'inline').length") == 0
        assert fetched == []


@pytest.mark.parametrize("mail", MAILS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_by_day_and_by_night(browser: Browser, mail: str, scheme: Scheme) -> None:
    with opened(browser, mail, 600, scheme) as (page, _):
        results = Axe().run(page, options=CONTRAST).response
        assert [(rule["id"], node["html"]) for rule in results["violations"] for node in rule["nodes"]] == []
        assert {rule["id"] for rule in results["passes"]} == set(CONTRAST["runOnly"])
        assert background(page, "body") == GROUND[scheme]
        assert background(page, ".paper") == PAPER[scheme]
        assert background(page, ".paper > table") == PAPER[scheme]


@pytest.mark.parametrize("mail", MAILS)
def test_a_screen_reader_finds_its_way(browser: Browser, mail: str) -> None:
    with opened(browser, mail, 375, "light") as (page, _):
        assert page.evaluate("document.documentElement.lang") == ("de" if mail == "letter in German" else "en")
        assert page.title()
        assert page.locator("h1").count() == 1
        assert page.locator("table:not([role=presentation])").count() == 0
        assert page.locator("img").count() == 0


@pytest.mark.parametrize("mail", MAILS)
def test_links_by_themselves_are_big_enough_for_thumbs(browser: Browser, mail: str) -> None:
    with opened(browser, mail, 320, "light") as (page, _):
        alone = page.locator("a").evaluate_all(
            "links => links.filter(a => getComputedStyle(a).display == 'inline-block')"
            ".map(a => a.getBoundingClientRect()).map(box => [box.width, box.height])"
        )
        assert alone
        assert min(height for _, height in alone) >= 44
        assert min(width for width, _ in alone) >= 24
