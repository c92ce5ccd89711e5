"""A real server and a real browser. Without Chromium the tests skip, and say what to install; under CI they fail."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect, sync_playwright
from werkzeug.serving import make_server

from newsletter.core.config import Settings
from tests.services.patience import BROWSER_PATIENCE

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless, once for all tests."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: apt-get install -y chromium")
        pytest.skip("Chromium is missing: apt-get install -y chromium")
    expect.set_options(timeout=BROWSER_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """One kind of database is enough to look at pages."""
    return empty_sqlite_url


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A free port, held before the application is told of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def settings(settings: Settings, listener: socket.socket) -> Settings:
    return replace(settings, public_url=f"http://127.0.0.1:{listener.getsockname()[1]}")


@pytest.fixture
def site(app: Flask, settings: Settings, listener: socket.socket) -> Iterator[str]:
    """The application, served; the address without a slash at its end."""
    port = listener.getsockname()[1]
    server = make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings.public_url
    server.shutdown()
    thread.join()
    server.server_close()
