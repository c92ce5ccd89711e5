"""The answer to a sign-up is rendered once, and put together around the address and the token of each."""

from __future__ import annotations

import re

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient

from newsletter.core.db import Database, public_content
from newsletter.web import navigation
from newsletter.web.readers import signup
from tests.factories import add_article, form_token
from tests.services.statements import statements

ADDRESSES = ("ada@example.org", "o'brien+news@example.org", "ada@xn--bcher-kva.example")
TOKEN = re.compile(r'name="form_token" value="[^"]+"')


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that are rendered from now on."""
    found: list[str] = []

    def note(name: str, **values: object) -> str:
        found.append(name)
        return render_template(name, **values)

    monkeypatch.setattr(signup, "render_template", note)
    return found


def answer(client: FlaskClient, address: str, query: str = "", **fields: str) -> str:
    data = {"email": address, "form_token": form_token(), **fields}
    response = client.post(f"/subscribe{query}", data=data)
    assert response.status_code == 200, response.text
    assert "press" not in response.text.partition("</h1>")[0]
    return TOKEN.sub("", response.text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_answer_is_as_if_it_were_rendered(
    app: Flask, client: FlaskClient, db: Database, renderings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_article(db, "A story", section="Policy")
    queries = ("", "?language=de")
    cached = [answer(client, address, query) for query in queries for address in ADDRESSES]
    assert renderings == ["check_mailbox.html"] * len(queries)
    monkeypatch.setattr(signup, "render_around", lambda _name, render, *words: render(*words))
    assert [answer(client, address, query) for query in queries for address in ADDRESSES] == cached


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_chosen_and_what_the_masthead_shows_is_seen(
    client: FlaskClient, db: Database, renderings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(client, "ada@example.org")
    assert 'value="daily" checked' in answer(client, "eve@example.org", cadence="daily")
    assert "Did you mean" in answer(client, "ada@gmial.com")
    assert "Policy" not in answer(client, "bob@example.org")
    add_article(db, "A story", section="Policy")
    monkeypatch.setattr(navigation, "LATELY", 0.0)  # a second later
    assert "Policy" in answer(client, "cid@example.org")
    assert len(renderings) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_after_another_costs_the_database_its_row_alone(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(navigation, "LATELY", 3600.0)
    monkeypatch.setattr(public_content, "BELIEVED_FOR", 0.0)
    answer(client, "ada@example.org")
    with statements(db) as executed:
        for address in ADDRESSES[1:]:
            answer(client, address)
    assert [each.split()[:3] for each in executed] == [["INSERT", "INTO", "signup_requests"]] * 2
