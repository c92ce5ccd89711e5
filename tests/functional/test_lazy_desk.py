"""The site as it is served: the desk is loaded with the first request for it, and every answer is the whole site's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from newsletter.app import create_context, create_site, install_site
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.web.lazy_desk import SiteWithLazyDesk
from tests.invariants.test_pages import Examples

HOST = "https://letters.example.org"
_FORM_TOKEN = re.compile(rb'(name="form_token" value=|"form_token": ?)"[^"]*"')


class Served:
    """A site with a lazy desk, and how often that was loaded."""

    def __init__(self, settings: Settings) -> None:
        self.site = create_context(settings)
        install_site(self.site, with_desk=False)
        self.loads = 0
        self.client = Client(SiteWithLazyDesk(self.site, self._load))

    def _load(self) -> Flask:
        self.loads += 1
        return create_site(runtime_of(self.site))


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    served = Served(settings)
    yield served
    runtime_of(served.site).db.dispose()


def content(answer: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that a browser gets, but for tokens and times that differ from page to page."""
    headers = sorted(each for each in answer.headers if each[0] not in ("Date", "Set-Cookie", "Last-Modified"))
    return answer.status_code, headers, _FORM_TOKEN.sub(b"", answer.data)


def test_public_pages_are_the_whole_site_s_and_load_no_desk(
    app: Flask, db: Database, settings: Settings, served: Served
) -> None:
    whole, addresses = Client(app), Examples(app, db, settings).addresses()
    with clock.set_to(clock.now()):  # a reader's data say when they were put together
        for address in addresses:
            for method in ("GET", "HEAD", "PUT"):
                given, wanted = (each.open(address, HOST, method=method) for each in (served.client, whole))
                assert content(given) == content(wanted), f"{method} {address}"
    assert served.loads == 0


@pytest.mark.parametrize(
    "path",
    [
        *("/desk", "/desk/", "//desk", "/desk/sign-in", "/desk/nothing", "/desk/articles/1"),
        *("/Desk", "/desks", "/desk;", "/x/desk", "//", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_answers_around_the_desk_are_the_whole_site_s(path: str, method: str, app: Flask, served: Served) -> None:
    whole = Client(app)
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "elsewhere.example"},
        {"Accept": "application/json"},
    ):
        given, wanted = (
            each.open("/", HOST, method=method, headers=headers, environ_overrides={"PATH_INFO": path})
            for each in (served.client, whole)
        )
        assert content(given) == content(wanted)


def test_requests_at_the_same_moment_load_it_once(served: Served) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: served.client.get("/desk/sign-in", HOST), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert served.loads == 1
