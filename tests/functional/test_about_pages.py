"""Who is behind it: the pages, the operator's own texts, and the small files at fixed addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter.core import clock
from newsletter.core.config import parsing
from newsletter.core.config.settings import TRANSPORTS
from newsletter.core.languages import LANGUAGES
from newsletter.core.runtime import runtime_of
from newsletter.web.site_texts import OURS
from tests.invariants.test_pages import check_page

PEOPLE = parsing.people("Noor Haddad: editor; Tomás Ferreira: reporter, courts")
PAGES = ("about", "privacy", "imprint")


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """These pages ask the database for the masthead alone."""
    return empty_sqlite_url


@pytest.fixture
def site(app: Flask) -> Callable[..., FlaskClient]:
    """A client of the site with changed settings."""

    def make(**changes: Any) -> FlaskClient:
        found = runtime_of(app)
        replace(found, settings=replace(found.settings, **changes)).install(app)
        return app.test_client()

    return make


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_our_texts_are_whole_in_each_language(site: Callable[..., FlaskClient], language: str, transport: str) -> None:
    client = site(people=PEOPLE, mail_transport=transport)
    for name in PAGES:
        assert (OURS / f"{name}.{language}.md").is_file()
        page = client.get(f"/{name}?language={language}").text
        check_page(page)
        assert not re.search(r"\{\w+\}", page)
        assert "editors@dispatch.example" in page


def test_each_page_leads_to_them(client: FlaskClient) -> None:
    for path in ("/", "/subscribe", "/articles", "/nothing", "/privacy"):
        page = client.get(path).text
        for name in PAGES:
            assert f'href="/{name}"' in page


def test_the_agreement_leads_to_the_privacy_page(client: FlaskClient) -> None:
    for path in ("/", "/subscribe"):
        form = re.findall(r"<form.*?</form>", client.get(path).text, re.DOTALL)[0]
        assert '<a href="/privacy">What we keep about you</a>' in form


def test_people_stand_with_their_roles_at_a_place_of_their_own(site: Callable[..., FlaskClient]) -> None:
    client = site(people=PEOPLE)
    for path in ("/about", "/imprint"):
        page = client.get(path).text
        assert '<div id="tomás-ferreira"><dt>Tomás Ferreira</dt><dd>reporter, courts</dd></div>' in page
    assert "Who we are" not in site(people=()).get("/about").text


@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [("", True), ("Ada: editor", True), ("Ada", False), ("Ada:", False), (": editor", False), ("A: x; A: y", False)],
)
def test_people_are_names_with_roles(value: str, is_allowed: bool) -> None:
    if is_allowed:
        parsing.people(value)
    else:
        with pytest.raises(ValueError, match="role each"):
            parsing.people(value)


def test_an_operator_s_text_takes_the_place_of_ours(site: Callable[..., FlaskClient], tmp_path: Path) -> None:
    (tmp_path / "about.en.md").write_text("# Hello\n\nWe are **{publication}**.\n\n{people}\n\nBye {unknown}.")
    client = site(texts_dir=tmp_path, people=PEOPLE)
    page = client.get("/about").text
    check_page(page)
    assert page.index("<h2") < page.index("Hello") < page.index("Noor Haddad") < page.index("Bye {unknown}.")
    assert "How a story is made" not in page
    german = client.get("/about?language=de").text
    assert '<div class="prose" lang="en">' in german
    assert "Wer dahinter steht" in german
    assert "What we keep about you" in client.get("/privacy").text  # ours: there is no other


@pytest.mark.parametrize("name", PAGES)
def test_hostile_texts_and_values_stay_words(site: Callable[..., FlaskClient], tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.en.md").write_bytes(
        b"<script>x</script> [a](javascript:x) ![i](https://pictures.example/i.png) {publication} \xff\x00"
    )
    page = site(texts_dir=tmp_path, publication_name="*A* [b](https://evil.example) <i>").get(f"/{name}").text
    check_page(page)
    prose = page[page.index("<main") : page.index("</main>")]
    assert "*A* [b](https://evil.example) &lt;i&gt;" in prose
    assert not re.search(r"<(script|img|i|em)\b|href=\"(javascript|https://evil)", prose)


# Files


def test_robots_may_read_everything(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text == "User-agent: *\nAllow: /\n\nSitemap: https://letters.example.org/sitemap.xml\n"


def test_security_txt_has_what_rfc_9116_asks_for(site: Callable[..., FlaskClient]) -> None:
    with clock.set_to(datetime(2026, 5, 6, 15, 30, tzinfo=UTC)):
        answer = site(security_contact="security@dispatch.example").get("/.well-known/security.txt")
        assert answer.text == site().get("/.well-known/security.txt").text
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields == {
        "Contact": "mailto:security@dispatch.example",
        "Expires": "2026-11-02T00:00:00Z",
        "Preferred-Languages": "en, de",
        "Canonical": "https://letters.example.org/.well-known/security.txt",
    }
    assert answer.content_type == "text/plain; charset=utf-8"


def test_security_txt_falls_back_to_the_editors_and_is_never_expired(client: FlaskClient) -> None:
    text = client.get("/.well-known/security.txt").text
    assert "Contact: mailto:editors@dispatch.example\n" in text
    expires = datetime.fromisoformat(re.findall("Expires: (.*)Z", text)[0]).replace(tzinfo=UTC)
    assert timedelta(days=30) < expires - clock.now() < timedelta(days=365)


def test_the_icon_is_one(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.mimetype == "image/x-icon"
    assert answer.data[:6] == bytes([0, 0, 1, 0, 3, 0])
    assert "max-age" in answer.headers["Cache-Control"]
