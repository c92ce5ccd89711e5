"""The site answers under PUBLIC_URL's host alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from newsletter.app import create_app
from newsletter.core.config import Settings
from newsletter.core.runtime import runtime

OURS = "https://letters.example.org"
LOCAL = "http://localhost:8000"


@contextmanager
def client_of(settings: Settings, public_url: str) -> Iterator[FlaskClient]:
    app = create_app(replace(settings, public_url=public_url))
    with app.app_context():
        yield app.test_client()
        runtime().db.dispose()


@pytest.mark.parametrize(
    ("public_url", "host", "status"),
    [
        (OURS, "letters.example.org", 200),
        (OURS, "LETTERS.example.org:443", 200),
        (OURS, "letters.example.org:8000", 200),  # a proxy names its own port
        (OURS, "letters.example.org.", 200),
        (OURS, "evil.example", 421),
        (OURS, "letters.example.org.evil.example", 421),
        (OURS, "evil-letters.example.org", 421),
        (OURS, "letters.example.org@evil.example", 421),
        (OURS, "evil.example@letters.example.org", 421),
        (OURS, "127.0.0.1", 421),
        (OURS, "localhost", 421),
        (LOCAL, "localhost:8000", 200),
        (LOCAL, "127.0.0.1:8000", 200),
        (LOCAL, "[::1]:8000", 200),
        (LOCAL, "evil.example", 421),
        ("http://192.0.2.7:8000", "192.0.2.7:8000", 200),
        ("http://192.0.2.7:8000", "localhost:8000", 421),
    ],
)
def test_other_hosts_are_misdirected(settings: Settings, public_url: str, host: str, status: int) -> None:
    with client_of(settings, public_url) as client:
        answer = client.get("/subscribe", headers={"Host": host})
        assert answer.status_code == status
        assert "evil" not in answer.text
        posted = client.post("/subscribe", data={"email": "x"}, headers={"Host": host})
        assert posted.status_code == (422 if status == 200 else status)


@pytest.mark.parametrize("host", ["evil.example", "10.1.2.3:8000", "localhost"])
def test_monitoring_may_use_any_host(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("public_url", "origin", "is_ours"),
    [
        (OURS, OURS, True),
        (OURS, f"{OURS}:443", True),
        (OURS, f"{OURS}:8443", False),
        (OURS, "http://letters.example.org", False),
        (OURS, "https://evil.example", False),
        (LOCAL, "http://127.0.0.1:8000", True),
        (LOCAL, "http://127.0.0.1:8001", False),
    ],
)
def test_a_post_s_origin_is_compared_with_public_url_alone(
    settings: Settings, public_url: str, origin: str, is_ours: bool
) -> None:
    with client_of(settings, public_url) as client:
        answer = client.post("/preferences/nobody", headers={"Origin": origin})
        assert answer.status_code == (404 if is_ours else 403)
