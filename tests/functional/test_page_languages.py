"""The language of a page: `?language=`, the reader's, the browser's or the publication's; how links carry it along."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core.db import Database
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import SignupRequest, Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, form_token

GERMAN = {"Accept-Language": "de-AT, de;q=0.9, en;q=0.5"}
ENGLISH = {"Accept-Language": "en-US"}


def language(page: str) -> str:
    found = re.search(r'<html lang="(\w+)" dir="ltr">', page)
    assert found
    return found[1]


def links(page: str) -> dict[str, str]:
    """The query of each link, form and button of ours but the switch, by its path."""
    page = re.sub(r'<nav class="languages".*?</nav>', "", page, flags=re.DOTALL)
    found = (
        urlsplit(unescape(url))
        for url in re.findall(r'<(?:a|form|button)[^>]* (?:href|(?:form)?action)="(/[^"]*)"', page)
    )
    return {url.path: url.query for url in found}


def switch(page: str) -> dict[str, str]:
    """The links of the switch by their language."""
    found = re.findall(r'<a href="([^"]*)" lang="(\w+)" hreflang="(\w+)">', page)
    assert all(lang == hreflang for _, lang, hreflang in found)
    return {lang: unescape(url) for url, lang, _ in found}


@pytest.fixture
def slug(db: Database) -> str:
    return add_article(db, "A story")


@pytest.fixture
def token(db: Database) -> str:
    """The token of a reader who chose German."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org", Preferences(language="de"))])
        return session.scalars(select(Subscriber.token)).one()


@pytest.mark.parametrize("path", ["/", "/subscribe", "/embed", "/confirm/mangled", "/nothing"])
def test_pages_for_anybody_go_by_the_browser_and_no_proxy_keeps_them(client: FlaskClient, path: str) -> None:
    for headers, expected in ((GERMAN, "de"), (ENGLISH, "en"), ({"Accept-Language": "fr, *;q=0.1"}, "en"), ({}, "en")):
        answer = client.get(path, headers=headers)
        assert language(answer.text) == expected
        assert answer.headers["Cache-Control"] in ("private, no-cache", "no-store")
        assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_stories_are_in_the_publication_s_language_whatever_the_browser_says(client: FlaskClient, slug: str) -> None:
    for path in ("/articles", f"/articles/{slug}", f"/articles/{slug}/revisions/1"):
        first, second = client.get(path, headers=GERMAN), client.get(path, headers=ENGLISH)
        assert first.text == second.text
        assert language(first.text) == "en"
        assert first.headers["Cache-Control"].startswith("public, max-age=0, s-maxage=")
        assert "Vary" not in first.headers
        german = client.get(f"{path}?language=de", headers=ENGLISH).text
        assert language(german) == "de"
        for page in (first.text, german):
            alternates = re.findall(r'<link rel="alternate" hreflang="(\w+)" href="([^"]*)">', page)
            assert alternates == [(code, f"https://letters.example.org{path}?language={code}") for code in ("en", "de")]


def test_an_error_at_a_story_s_address_goes_by_the_browser(client: FlaskClient) -> None:
    answer = client.get("/articles/nothing", headers=GERMAN)
    assert "Diese Seite gibt es nicht" in answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert 'rel="alternate" hreflang' not in answer.text


def test_a_reader_s_own_pages_speak_the_reader_s_language(client: FlaskClient, db: Database, token: str) -> None:
    for path in (f"/preferences/{token}", f"/unsubscribe/{token}", f"/data-link/{token}"):
        assert language(client.get(path, headers=ENGLISH).text) == "de"
        assert language(client.get(f"{path}?language=en", headers=GERMAN).text) == "en"
    saved = client.post(f"/preferences/{token}", data={"cadence": "daily", "language": "en"})
    assert "Saved. " in saved.text, "the answer is in the language that was just chosen"


def test_an_unknown_language_is_passed_over(client: FlaskClient) -> None:
    for value in ("tlh", "", "de-AT", "../de", "%00"):
        assert language(client.get(f"/?language={value}", headers=GERMAN).text) == "de"


def test_links_and_forms_carry_the_language_that_they_would_lose(client: FlaskClient, slug: str, token: str) -> None:
    chosen = links(client.get("/?language=de", headers=ENGLISH).text)
    assert set(chosen.values()) == {"language=de"}
    assert {"/", "/articles", f"/articles/{slug}", "/subscribe", "/embed"} <= set(chosen)
    by_browser = links(client.get("/", headers=GERMAN).text)
    assert by_browser["/articles"] == by_browser[f"/articles/{slug}"] == "language=de"
    assert by_browser["/subscribe"] == by_browser["/"] == ""
    assert set(links(client.get("/", headers=ENGLISH).text).values()) == {""}
    story = links(client.get(f"/articles/{slug}?language=de").text)
    assert story["/subscribe"] == story[f"/articles/{slug}/revisions"] == "language=de"
    own = links(client.get(f"/preferences/{token}", headers=ENGLISH).text)
    assert own[f"/preferences/{token}"] == own[f"/unsubscribe/{token}"] == ""
    assert own["/corrections"] == own["/"] == "language=de"
    own = links(client.get(f"/preferences/{token}?language=en", headers=ENGLISH).text)
    assert own[f"/preferences/{token}/pause"] == "language=en"
    assert own["/corrections"] == ""


def test_the_switch_is_a_link_without_a_cookie(client: FlaskClient, db: Database, slug: str, token: str) -> None:
    for path in ("/", f"/articles/{slug}", f"/preferences/{token}?language=en"):
        page = client.get(path)
        (target,) = switch(page.text).values()
        assert target == f"{path.partition('?')[0]}?language=de"
        german = client.get(target)
        assert language(german.text) == "de"
        assert "Deutsch</span>" in german.text
        assert switch(german.text) == {"en": f"{path.partition('?')[0]}?language=en"}
        assert "Set-Cookie" not in german.headers
    chosen = client.get(
        "/subscribe?section=Policy&section=Sports&_external=1&endpoint=x", headers={"X-Forwarded-Host": "evil.example"}
    )
    assert switch(chosen.text) == {"de": "/subscribe?section=Policy&language=de"}
    assert switch(client.get("//evil.example/x", base_url="https://letters.example.org").text) == {
        "de": "/?language=de"
    }
    assert switch(client.post("/subscribe", data={"email": "x"}).text) == {}, "an answer cannot be had again"


def test_a_sign_up_stores_its_language_and_the_words_that_were_agreed_to(client: FlaskClient, db: Database) -> None:
    page = client.get("/subscribe", headers=GERMAN).text
    assert '<input type="radio" name="language" value="de" checked>' in page
    agreed = re.search(r'id="agreement">([^<]*)<', page)
    assert agreed
    assert agreed[1].startswith("Mit der Anmeldung willigen Sie ein, dass Dispatch")
    token = form_token(language="de")
    for language, headers in (("de", GERMAN), ("en", ENGLISH)):
        data = {"email": f"{language}@example.org", "language": language, "form_token": token}
        assert client.post("/subscribe", data=data, headers=headers).status_code == 200
    with db.reading() as session:
        rows = list(session.scalars(select(SignupRequest).order_by(SignupRequest.id)))
    assert [row.preferences["language"] for row in rows] == ["de", "en"]
    assert {row.wording for row in rows} == {agreed[1]}, "the form was shown in German, wherever it was sent from"


def test_another_site_s_form_gets_a_page_in_the_browser_s_language(client: FlaskClient) -> None:
    headers = {**GERMAN, "Sec-Fetch-Site": "cross-site"}
    page = client.post("/subscribe", data={"email": "ada@example.org"}, headers=headers).text
    assert "Sie kommen von einer anderen Website" in page
    assert '<input type="radio" name="language" value="de" checked>' in page


def test_programs_are_answered_in_the_language_that_they_accept(client: FlaskClient) -> None:
    answer = client.post("/subscribe", json={"email": "x", "max_hype": "Enormous"}, headers=GERMAN)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"]["max_hype"] == "Wählen Sie den höchsten Hype aus der Liste."
    assert answer.json["codes"]["max_hype"] == "preferences.unknown_hype"
    assert answer.json["code"] == "signup.invalid"
    missing = client.get("/sample", headers={**GERMAN, "Accept": "application/json"}).json
    assert missing is not None
    assert (missing["code"], missing["title"]) == ("sample.none", "Das hat nicht geklappt")
