"""The pages of a story on the narrowest phone, with words that are far too long, and in each state of a story: nothing
scrolls sideways, and no policy is violated by the block of data for other programs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from playwright.sync_api import Browser

from newsletter.articles import importing, page, revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Markup, RevisionKind, Source
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database
from tests.browser.test_every_page import check
from tests.browser.test_pages_look import LONG, WORD, looking
from tests.factories import REAL_ARTICLE
from tests.functional.test_articles_page import PARTS

LONGEST: dict[str, Any] = {
    "title": LONG,
    "dek": WORD * 5,
    "written_by": "مرحبا بالعالم",
    "checked_by": WORD,
    "ai_use": WORD * 3,
    "bullets": ("W" * 2000, "שלום עולם 123 abc", WORD),
    "paragraphs": ("# " + WORD, "`" + "x" * 2000 + "`", "```\n" + "y" * 2000 + "\n```", "- " + WORD),
    "sources": (Source(WORD, "W" * 300, "https://example.org/" + "x" * 300, "raw"),),
    "trust_parts": PARTS,
    "markup": Markup.MARKDOWN,
}


def test_every_state_of_a_story(browser: Browser, site: str, db: Database) -> None:
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    correction = Change(RevisionKind.CORRECTION, WORD * 4, serious=True)
    with db.transaction() as session:
        longest = importing.import_page(session, replace(real, **LONGEST)).slug
        revising.revise(session, longest, {"dek": WORD * 4, "trust": 70, "trust_parts": None}, correction)
        withdrawn = importing.import_page(session, replace(real, title="Withdrawn")).slug
        revising.withdraw(session, withdrawn, "The document was forged.")
    below = ("", "/revisions", "/revisions/1", "/revisions?from=1&to=2")
    with looking(browser, site, width=320, script=True) as look:
        for path in (*(f"/articles/{longest}{each}" for each in below), f"/articles/{withdrawn}", "/corrections"):
            look.open(path)
            check(look)
        look.open(f"/articles/{longest}/revisions?language=de")
        look.press("Unterschiede zeigen")
        assert look.page.locator("h1").inner_text() == "Von Fassung 1 zu Fassung 2"
        check(look)
