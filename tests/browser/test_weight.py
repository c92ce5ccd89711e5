"""The weight of front page and sign-up with everything that they load, as the browser's network counts it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Request

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.browser.test_pages_look import LONG, looking
from tests.factories import add_article, add_readers, hand_over

MOST = {"/": 50_000, "/subscribe": 40_000}
"""Bytes, headers included; nothing is compressed, though a proxy may. The front page has stories, too."""


@pytest.mark.parametrize("path", ["/", "/subscribe", "/subscribe?section=Section+3"])
@pytest.mark.parametrize("script", [False, True])
def test_the_sign_up_is_light(
    browser: Browser, site: str, db: Database, settings: Settings, path: str, script: bool
) -> None:
    for number in range(15):
        add_article(db, f"{number} {LONG}", section=f"Section {number}")
    add_readers(db, 1)
    hand_over(db, settings)
    finished: list[Request] = []
    with looking(browser, site, script=script) as look:
        look.page.on("requestfinished", lambda request: finished.append(request))
        look.open(path)
        look.page.wait_for_load_state("networkidle")
        weights = {request.url.removeprefix(site): _weight(request) for request in finished}
    assert path in weights
    assert any(name.endswith("base.css") for name in weights)
    assert any(name.endswith("public.css") for name in weights) == (path == "/")
    assert not any(name.endswith("desk.css") for name in weights)
    assert 5_000 < sum(weights.values()) < MOST[path.partition("?")[0]], weights
    assert not any(name.endswith(".js") for name in weights)


def _weight(request: Request) -> int:
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]
