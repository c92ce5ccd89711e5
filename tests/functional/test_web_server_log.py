"""The web server's log of requests that it cannot read or that break off: nothing of what they held."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.services.patience import PATIENCE
from tests.services.processes import RunningService

TOKEN = "4SSyRklGDBygpPUBUp2ZWq"
ADDRESS = "ada@example.org"
REQUESTS = [
    f"GET /unsubscribe/{TOKEN} {ADDRESS} HTTP/1.1\r\n\r\n",
    f"GET /unsubscribe/{TOKEN}\r\n {ADDRESS} HTTP/1.1\r\n\r\n",
    f"/preferences/{TOKEN}\r\n\r\n",
    f"GET /confirm/{TOKEN} HTTP/1.1\r\nX {ADDRESS}: {TOKEN}\r\n\r\n",
    f"GET /confirm/{TOKEN} HTTP/1.1\r\nHost: a\r\n {ADDRESS}\r\n\r\n",
    f"GET /confirm/{TOKEN} HTTP/{ADDRESS}\r\n\r\n",
    f"POST /unsubscribe/{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: {TOKEN}\r\n\r\n",
    f"POST /subscribe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nemail={ADDRESS}\r\n",
    f"POST /subscribe HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\nemail={ADDRESS}",
    f"GET /data/{TOKEN} HTTP/1.1\r\nHost: {ADDRESS}",
    f"GET /data/{TOKEN}",
    f"GET /data/{TOKEN} HTTP/1.1\r\nHost: {TOKEN} {ADDRESS}\r\n\r\n",
    f"GET /data/{TOKEN}%zz%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """One kind of database is enough."""
    return empty_sqlite_url


@pytest.fixture
def service(settings: Settings) -> Iterator[RunningService]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = RunningService(replace(settings, port=port))
    service.start_web()
    yield service
    service.supervisor.stop()


def ask(port: int, request: str) -> bytes:
    """What the server answers; requests that break off may get no answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


def test_a_request_that_cannot_be_read_is_not_quoted(db: Database, service: RunningService) -> None:
    refused = [b" 400 " in ask(service.settings.port, request)[:20] for request in REQUESTS]
    assert sum(refused) >= 6
    logs = service.logs()
    for secret in (TOKEN, ADDRESS, TOKEN[:12], "from ip="):
        assert secret not in logs
