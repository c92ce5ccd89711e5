"""A queue on another machine that others can read or write is warned of."""

from __future__ import annotations

import pytest

from newsletter.core.queue import warn_of_open_queue

NO_TLS, NO_PASSWORD = "without TLS", "without a password"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix:///var/run/valkey.sock", set()),
        ("redis://localhost:6379/0", set()),
        ("redis://127.0.0.1:6379/0", set()),
        ("redis://127.9.9.9/0", set()),
        ("redis://[::1]:6379/0", set()),
        ("rediss://:hidden@redis.example:6379/0", set()),
        ("rediss://redis.example/0?password=hidden", set()),
        ("rediss://redis.example/0", {NO_PASSWORD}),
        ("redis://user:hidden@redis.example/0", {NO_TLS}),
        ("redis://redis.example/0", {NO_TLS, NO_PASSWORD}),
        ("redis://10.0.0.5:6379/0", {NO_TLS, NO_PASSWORD}),
        ("redis://localhost.evil.example/0", {NO_TLS, NO_PASSWORD}),
    ],
)
def test_an_open_queue_is_warned_of(url: str, said: set[str], caplog: pytest.LogCaptureFixture) -> None:
    warn_of_open_queue(url)
    assert {part for part in (NO_TLS, NO_PASSWORD) if part in caplog.text} == said
    assert "hidden" not in caplog.text
