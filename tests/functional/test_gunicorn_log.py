"""gunicorn at its most talkative logs nothing that a request held, not even of one that it cannot read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
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
def database_url(sqlite_template: Path) -> str:
    """Nothing is written: one kind of database is enough."""
    return f"sqlite:///{sqlite_template}"


@pytest.fixture
def service(settings: Settings) -> Iterator[RunningService]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = RunningService(replace(settings, port=port))
    service.start_web("--log-level", "debug")
    yield service
    service.supervisor.stop()


def ask(port: int, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_a_request_that_cannot_be_read_is_not_quoted(db: Database, service: RunningService) -> None:
    refused = [ask(service.settings.port, request).startswith(b"HTTP/1.1 400") for request in REQUESTS]
    assert sum(refused) >= 6
    logs = service.logs()
    assert "a request that cannot be read was refused" in logs
    for secret in (TOKEN, ADDRESS, TOKEN[:12], "from ip="):
        assert secret not in logs


def test_an_access_log_that_a_flag_switches_on_tells_no_path(db: Database, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = RunningService(replace(settings, port=port))
    every = "%(h)s %(u)s %(r)s %(s)s %(U)s %(q)s %(f)s %(a)s %({referer}i)s %({raw_uri}e)s %({http_cookie}e)s"
    service.start_web("--access-logfile", "-", "--access-logformat", every)
    try:
        fields = f"Host: {ADDRESS}\r\nReferer: /{TOKEN}\r\nUser-Agent: {ADDRESS}\r\nAuthorization: Basic {TOKEN}\r\n"
        for place in (f"/unsubscribe/{TOKEN}/undo", f"/{TOKEN}", f"/subscribe?email={ADDRESS}", f"/{ADDRESS}/x", "/"):
            ask(port, f"GET {place} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n")
    finally:
        service.supervisor.stop()
    logs = service.logs()
    for line in ("GET /unsubscribe/… HTTP/1.1 4", "GET /… HTTP/1.1 4", "GET /subscribe HTTP/1.1", "GET / HTTP/1.1"):
        assert f"- - {line}" in logs
    for secret in (TOKEN, ADDRESS, TOKEN[:12], "127.0.0.1 "):
        assert secret not in logs
