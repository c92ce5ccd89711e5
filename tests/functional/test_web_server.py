"""The web server under slow, greedy and broken clients: real sockets, a server process of its own."""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from newsletter.web import server, server_channel
from tests.services.patience import PATIENCE, until

TOKEN = "0123456789abcdefghijkl"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with what it got; some paths misbehave."""
    if environ["PATH_INFO"] == "/unchanged":
        start_response("304 NOT MODIFIED", [("ETag", '"1"')])
        return []
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"].startswith("/broken"):
        raise ValueError("a bug")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1.0)
    answer = b"x" * 30_000_000 if environ["PATH_INFO"] == "/large" else b"%d bytes" % len(body)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]


class Site:
    """A server process; `log` is what it wrote to stderr."""

    def __init__(self, port: int, pid: int, log: str) -> None:
        self.port, self.pid, self._log = port, pid, log

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def log(self) -> str:
        with open(self._log, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()


def _serve(listening: socket.socket, log: str, deadlines: dict[str, float]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    with os.fdopen(descriptor, "w", buffering=1) as file:
        logging.basicConfig(stream=file, force=True)
        _answer_requests(listening, deadlines)


def _answer_requests(listening: socket.socket, deadlines: dict[str, float]) -> None:
    for name, value in deadlines.items():
        setattr(server if hasattr(server, name) else server_channel, name, value)
    server.serve(application, listening)


@pytest.fixture
def deadlines() -> dict[str, float]:
    """Those of production, and the limit of memory; a test that waits for one sets others."""
    return {}


@pytest.fixture
def site(deadlines: dict[str, float], tmp_path: Any) -> Iterator[Site]:
    listening = server.listen("127.0.0.1", 0)
    log = str(tmp_path / "server.log")
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening, log, deadlines), daemon=True)
    process.start()
    listening_port = listening.getsockname()[1]
    assert process.pid
    found = Site(listening_port, process.pid, log)
    found.request("GET", "/")
    yield found
    process.terminate()
    process.join(PATIENCE)
    listening.close()


def test_fifty_slow_sockets_leave_the_site_answering(site: Site) -> None:
    with ExitStack() as stack:
        for number in range(50):
            slow = stack.enter_context(site.connect())
            slow.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\n"
                if number % 2
                else b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"
            )
        for _ in range(20):
            assert site.request("GET", "/")[0] == 200


SHORT = {"HEADERS_WITHIN": 1.0, "BODY_WITHIN": 1.0, "ANSWER_WITHIN": 1.0, "IDLE_FOR": 2.0}


@pytest.mark.parametrize("deadlines", [SHORT])
@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Drip: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
    ],
    ids=["nothing", "a line", "headers", "a body", "chunks"],
)
def test_a_client_that_drips_is_cut_off(site: Site, beginning: bytes) -> None:
    """Each byte is activity: an idle time-out alone would never end it."""
    with site.connect() as slow:
        slow.sendall(beginning)
        slow.settimeout(0.1)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if beginning:
                    slow.sendall(b"x")
                if slow.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("the connection is still open")


def has_connection(site: Site, port: int) -> bool:
    return any(each.raddr[1:] == (port,) for each in psutil.Process(site.pid).net_connections())


@pytest.mark.parametrize("deadlines", [SHORT])
def test_a_client_that_does_not_read_its_answer_is_cut_off(site: Site) -> None:
    with site.connect() as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        port = slow.getsockname()[1]
        until(lambda: has_connection(site, port), "the accepting")
        until(lambda: not has_connection(site, port), "the cutting off")
        received = 0
        while piece := slow.recv(1 << 16):
            received += len(piece)
    assert received < 30_000_000


UNREAD = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("deadlines", [{"MOST_BUFFERED": 1_000_000_000}])
def test_clients_that_send_many_requests_and_read_nothing_take_no_thread(site: Site) -> None:
    """As many as there are threads: waitress by itself would wait in each for its client to read."""
    with ExitStack() as stack:
        for _ in range(server.THREADS):
            greedy = stack.enter_context(site.connect())
            greedy.sendall(UNREAD * 3)
            assert greedy.recv(1) == b"H"
        end = time.monotonic() + 3.0  # time for the second answers, in which threads would wait
        while time.monotonic() < end:
            assert site.request("GET", "/")[0] == 200


def test_of_requests_at_once_the_first_is_answered(site: Site) -> None:
    """So its client knows that the others were not."""
    with site.connect() as hasty:
        hasty.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        answered = b"".join(iter(lambda: hasty.recv(4096), b""))
    # More than one where a thread was quicker than the loop.
    assert 1 <= answered.count(b"HTTP/1.1 200 OK") < 5
    assert answered.endswith(b"0 bytes")


UNFINISHED = b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 3_900_000


@pytest.mark.parametrize("deadlines", [{"BODY_WITHIN": 1000.0, "ANSWER_WITHIN": 1000.0}])
@pytest.mark.parametrize(("sent", "each"), [(UNREAD, 30_000_000), (UNFINISHED, 3_900_000)], ids=["answers", "bodies"])
def test_what_waits_in_memory_is_bounded(site: Site, sent: bytes, each: int) -> None:
    """Whoever holds the most is cut off, however much time is left."""
    with ExitStack() as stack:
        greedy = [stack.enter_context(site.connect()) for _ in range(server.MOST_BUFFERED // each + 5)]
        for connection in greedy:
            connection.sendall(sent)
        ports = [connection.getsockname()[1] for connection in greedy]
        # The system itself holds some of an answer.
        until(lambda: sum(has_connection(site, port) for port in ports) <= len(ports) - 4, "the cutting off")
        assert site.request("GET", "/")[0] == 200


@pytest.mark.parametrize("deadlines", [SHORT])
def test_a_busy_connection_is_kept_beyond_every_deadline(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    connection.connect()
    opened = connection.sock
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"0 bytes"
        time.sleep(0.05)
    assert connection.sock is opened
    connection.close()


def test_a_connection_is_kept_after_a_304(site: Site) -> None:
    """Unless the client asks for its end: in HTTP/1.1 by a header, in 1.0 by saying nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    connection.connect()
    opened = connection.sock
    for path, status in (("/unchanged", 304), ("/unchanged", 304), ("/", 200)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, len(answer.read()) > 0) == (status, status == 200)
        assert connection.sock is opened
    connection.close()
    for request in (
        b"GET /unchanged HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /unchanged HTTP/1.0\r\n\r\n",
    ):
        with site.connect() as single:
            single.sendall(request)
            answered = b"".join(iter(lambda: single.recv(4096), b""))
        assert b" 304 " in answered


def test_bodies_are_bounded_and_webhooks_may_be_larger(site: Site) -> None:
    assert site.request("POST", "/subscribe", b"x" * 1_000_000)[:2] == (200, b"1000000 bytes")
    assert site.request("POST", "/hooks/sendgrid", b"x" * 4_000_000)[:2] == (200, b"4000000 bytes")
    for path, size in (("/subscribe", 1_000_001), ("/hooks/sendgrid", 4_000_001)):
        with site.connect() as greedy:
            greedy.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
            answer = b"".join(iter(lambda: greedy.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"Go back, and send less." in answer


def test_a_request_that_cannot_be_read_is_answered_and_named_nowhere(site: Site) -> None:
    with site.connect() as broken:
        broken.sendall(f"GET /unsubscribe/{TOKEN} and more HTTP/1.1\r\nBad Header\r\n\r\n".encode())
        answer = broken.recv(10_000).decode()
    assert " 400 Bad Request\r\n" in answer
    assert "X-Content-Type-Options: nosniff\r\n" in answer
    assert TOKEN not in answer + site.log()
    assert "waitress" not in answer.lower()


def test_a_path_stands_in_no_log(site: Site) -> None:
    assert site.request("GET", f"/broken/{TOKEN}")[0] == 500
    with site.connect() as gone:
        gone.sendall(f"GET /large?{TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        gone.recv(10)
    site.request("GET", "/")
    assert "a bug" in site.log()
    assert TOKEN not in site.log()


def test_headers_from_outside_name_no_path_and_no_address(site: Site) -> None:
    """gunicorn believed a SCRIPT_NAME header from loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    connection.request("GET", "/", headers={"SCRIPT_NAME": "/evil", "SCRIPT-NAME": "/evil"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_request_at_work_is_answered_when_the_server_stops(site: Site) -> None:
    with site.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        os.kill(site.pid, signal.SIGTERM)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_all_connections_are_looked_at_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not in each turn of the loop, which many slow clients would make slow for all."""
    looks = []
    monkeypatch.setattr(server.Server, "maintenance", lambda _server, now: looks.append(now))
    with ExitStack() as stack:
        listening = stack.enter_context(server.listen("127.0.0.1", 0))
        made = server.Server(application, listening)
        stack.callback(made.task_dispatcher.shutdown)
        stack.callback(made.trigger.close)
        stack.callback(made.del_channel)
        for now in (1000.0, 1000.1, 1000.4, 1000.6, 1000.9, 1001.2):
            monkeypatch.setattr("waitress.server.time.time", lambda now=now: now)
            made.readable()
        assert looks == [1000.0, 1000.6, 1001.2]
        made.look_now()
        made.readable()
        assert looks[3:] == [1001.2]
