"""Rules for every answer: headers, methods, hosts, errors, and no secrets in logs."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber


@pytest.fixture
def token(db: Database) -> str:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org")])
        return session.scalars(select(Subscriber.token)).one()


@pytest.mark.parametrize("path", ["/", "/nothing", "/articles", "/unsubscribe/x", "/healthz", "/assets/x/base.css"])
def test_every_answer_has_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if path.endswith(".css") else "same-origin")
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Set-Cookie" not in headers


def test_no_cache_keeps_a_page_behind_a_token(client: FlaskClient, token: str) -> None:
    for path in (f"/unsubscribe/{token}", f"/preferences/{token}", "/confirm/x", "/unsubscribe/x"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex"
    assert client.post("/subscribe", data={"email": "x"}).headers["Cache-Control"] == "no-store"
    assert "X-Robots-Tag" not in client.get("/").headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_get_the_allowed_ones(client: FlaskClient, method: str) -> None:
    answer = client.open("/subscribe", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Open the page and use its button." in answer.text


def test_programs_get_errors_as_json(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "status": 404,
        "title": "There is no such page",
        "detail": "The address may be incomplete: email programs sometimes cut long links.",
    }
    assert "Accept" in answer.headers["Vary"]
    assert client.get("/nothing", headers={"Accept": "*/*"}).mimetype == "text/html"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:99999999", "[", "[::1", "a b", "x\\y", "", "a..b", "x" * 300]
)
def test_a_strange_host_changes_no_link(client: FlaskClient, token: str, host: str) -> None:
    for path in ("/", "/articles", "/articles/", "//articles", f"/unsubscribe/{token}", "/nothing"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code in (400, 421)
        assert "Location" not in answer.headers
        assert "evil" not in answer.text
        assert "Content-Security-Policy" in answer.headers


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post("/subscribe", data={"email": "x" * 60_000})  # a megabyte takes half a second to read
    assert answer.status_code == 413
    assert "Send less and try again." in answer.text
    assert client.post("/subscribe", json={"email": "x" * 60_000}).status_code == 413


def test_our_own_mistakes_get_a_page_and_log_neither_token_nor_address(
    client: FlaskClient, token: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(type(runtime().db), "transaction", fail)
    with caplog.at_level(logging.DEBUG):
        answer = client.post(f"/unsubscribe/{token}")
    assert answer.status_code == 500
    assert "It is our fault" in answer.text
    assert "error in POST /unsubscribe/<token>" in caplog.text
    assert token not in caplog.text
