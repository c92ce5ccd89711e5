"""Fetching what other people named: where it may lead, and that it ends."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.fetching import FetchError, FetchFailure
from newsletter.core.fetching.connections import resolve_host
from tests.services.certificates import make_certificate
from tests.services.web_sites import Internet, answer, internet


@pytest.fixture
def net() -> Iterator[Internet]:
    with internet() as made:
        yield made


def failure_of(net: Internet, address: str, **changes: object) -> FetchFailure:
    with pytest.raises(FetchError) as refused:
        net.fetcher(**changes).fetch(address, with_body=True)
    return refused.value.failure


def test_an_answer_comes_from_the_address_that_was_looked_at(net: Internet) -> None:
    address = net.add("news.example", answer(200, b"Hello", **{"Set-Cookie": "a=b"}))
    found = net.fetcher().fetch("http://news.example/a b?q=ü#part", with_body=True)
    assert (found.status, found.body) == (200, b"Hello")
    assert net.connected == [address]
    (head,) = net.requests
    assert head.startswith("GET /a%20b?q=%C3%BC HTTP/1.1\r\n")
    assert "Host: news.example\r\n" in head
    assert "User-Agent: test\r\n" in head
    assert not {"cookie", "authorization", "accept-encoding", "referer"} & {
        line.split(":")[0].lower() for line in head.splitlines()
    }


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["224.0.0.1"],
        ["93.184.216.1", "127.0.0.1"],
        ["93.184.216.1", "::1"],
        [],
    ],
)
def test_a_name_with_any_address_that_is_not_public_is_refused(net: Internet, addresses: list[str]) -> None:
    net.names["evil.example"] = [addresses]
    assert failure_of(net, "http://evil.example/") == FetchFailure.NOT_PUBLIC
    assert net.connected == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "①②⑦.0.0.1",
    ],
)
def test_the_system_s_resolver_leads_nobody_into_the_machine(net: Internet, host: str) -> None:
    reason = failure_of(net, f"http://{host}/", resolve=resolve_host)
    assert reason in (FetchFailure.NOT_PUBLIC, FetchFailure.UNKNOWN_HOST)
    assert net.connected == []


def test_a_name_that_changes_its_address_is_asked_once(net: Internet) -> None:
    public = net.add("evil.example", answer(200))
    net.names["evil.example"] = [[public], ["127.0.0.1"]]
    assert net.fetcher().fetch("http://evil.example/").status == 200
    assert net.connected == [public]
    assert failure_of(net, "http://evil.example/") == FetchFailure.NOT_PUBLIC


def test_a_redirect_is_looked_at_as_if_it_were_typed(net: Internet) -> None:
    public = net.add("a.example", lambda peer, _: peer.sendall(answer(302, Location="http://b.example/x")))
    net.names["b.example"] = [["192.168.0.1"]]
    assert failure_of(net, "http://a.example/") == FetchFailure.NOT_PUBLIC
    net.names["a.example"] = [[public], ["127.0.0.1"]]
    for location, reason in (
        ("http://letters.example.org/desk", FetchFailure.OWN_HOST),
        ("http://LETTERS.example.org./desk", FetchFailure.OWN_HOST),
        ("http://b.example:6379/", FetchFailure.PORT),
        ("file:///etc/passwd", FetchFailure.ADDRESS),
        ("gopher://b.example/", FetchFailure.ADDRESS),
        ("http://user:secret@b.example/", FetchFailure.ADDRESS),
        ("//127.0.0.1/", FetchFailure.UNKNOWN_HOST),
    ):
        net.add("c.example", answer(307, Location=location))
        assert failure_of(net, "http://c.example/") == reason


def test_three_redirects_are_followed_and_no_more(net: Internet) -> None:
    def respond(peer: socket.socket, head: str) -> None:
        number = int(head.split(" ")[1].removeprefix("/"))
        peer.sendall(answer(200) if number == 0 else answer(301, Location=f"/{number - 1}"))

    net.add("a.example", respond)
    found = net.fetcher().fetch("http://a.example/3")
    assert (found.status, found.address) == (200, "http://a.example/0")
    assert failure_of(net, "http://a.example/4") == FetchFailure.REDIRECTS


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://letters.example.org/", FetchFailure.OWN_HOST),
        ("http://ｌetters。example.org/", FetchFailure.OWN_HOST),
        ("http://news.example:8080/", FetchFailure.PORT),
        ("http://news.example:99999/", FetchFailure.ADDRESS),
        ("https://", FetchFailure.ADDRESS),
        ("javascript:alert(1)", FetchFailure.ADDRESS),
        ("http://[", FetchFailure.ADDRESS),
        ("http://" + "a" * 70 + ".example/", FetchFailure.ADDRESS),
        ("http://nowhere.example/", FetchFailure.UNKNOWN_HOST),
    ],
)
def test_what_may_not_be_asked_is_not_asked(net: Internet, address: str, reason: FetchFailure) -> None:
    assert failure_of(net, address) == reason
    assert net.connected == []


def test_a_proxy_of_the_environment_is_not_used(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    net.add("news.example", answer(200))
    assert net.fetcher().fetch("http://news.example/").status == 200


def drip(data: bytes, gap: threading.Event) -> object:
    def respond(peer: socket.socket, _head: str) -> None:
        for octet in itertools.chain(data, itertools.repeat(ord("a"))):
            peer.sendall(bytes([octet]))
            if gap.wait(0.02):
                return

    return respond


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(net: Internet, begin: bytes) -> None:
    over = threading.Event()
    net.add("slow.example", drip(begin, over))  # type: ignore[arg-type]
    assert failure_of(net, "http://slow.example/", timeout=0.4) == FetchFailure.TIMEOUT
    over.set()


def test_a_resolver_that_never_answers_is_left_at_the_deadline(net: Internet) -> None:
    over = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        over.wait()
        return []

    assert failure_of(net, "http://slow.example/", timeout=0.1, resolve=resolve) == FetchFailure.UNRESOLVED
    over.set()


def test_nothing_is_unpacked_and_nothing_large_is_read(net: Internet) -> None:
    bomb = gzip.compress(bytes(5_000_000))
    net.add("bomb.example", answer(200, bomb, **{"Content-Encoding": "gzip"}))
    assert net.fetcher().fetch("http://bomb.example/", with_body=True).body == bomb
    net.add("large.example", answer(200, bytes(1_000_001)))
    assert failure_of(net, "http://large.example/") == FetchFailure.TOO_LARGE
    for head in (b"X: " + b"a" * 2_000_000, b"X: a\r\n" * 200_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000):
        net.add("head.example", b"HTTP/1.1 200 OK\r\n" + head)
        assert failure_of(net, "http://head.example/") in (FetchFailure.NO_HTTP, FetchFailure.TOO_LARGE)
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"2000\r\n" + bytes(0x2000) + b"\r\n"
    net.add("chunks.example", endless + b"2000\r\n" + bytes(0x2000))
    assert failure_of(net, "http://chunks.example/") == FetchFailure.NO_HTTP


@pytest.mark.parametrize("head", [b"Connection: close\r\n", b"Connection: close\r\nContent-Length: 5\r\n", b""])
def test_a_body_that_ends_with_its_connection_is_read_whole(net: Internet, head: bytes) -> None:
    net.add("news.example", b"HTTP/1.1 200 OK\r\n" + head + b"\r\nHello")
    assert net.fetcher().fetch("http://news.example/", with_body=True).body == b"Hello"


def test_a_server_that_ends_or_refuses_is_said_so(net: Internet) -> None:
    net.add("ends.example", b"")
    assert failure_of(net, "http://ends.example/") == FetchFailure.NO_HTTP
    net.add("noise.example", b"SSH-2.0-OpenSSH_9\r\n")
    assert failure_of(net, "http://noise.example/") == FetchFailure.NO_HTTP

    def refuse(_address: str, _port: int, _seconds: float) -> socket.socket:
        raise ConnectionRefusedError

    assert failure_of(net, "http://ends.example/", connect=refuse) == FetchFailure.NO_CONNECTION


def test_the_second_address_is_tried_when_the_first_is_away(net: Internet) -> None:
    address = net.add("news.example", answer(200))
    net.names["news.example"] = [["2606:4700::1111", address]]
    connect = net.connect

    def only_the_last(at: str, port: int, seconds: float) -> socket.socket:
        if at != address:
            raise TimeoutError
        return connect(at, port, seconds)

    assert net.fetcher(connect=only_the_last).fetch("http://news.example/").status == 200


@given(st.text(), st.text())
def test_hostile_addresses_are_answered_or_refused(host: str, path: str) -> None:
    with pytest.raises(FetchError):
        Internet().fetcher(timeout=1.0).fetch(f"http://{host}/{path}")


def test_the_certificate_must_be_of_the_name(net: Internet, tmp_path: Path) -> None:
    made = make_certificate(tmp_path, "good.example")
    server, trusting = made.server_context(), made.client_context()

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.settimeout(seconds)

        def serve() -> None:
            try:
                with server.wrap_socket(theirs, server_side=True) as peer:
                    peer.recv(4096)
                    peer.sendall(answer(204))
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return ours

    net.names |= {"good.example": [["93.184.216.1"]], "other.example": [["93.184.216.1"]]}
    fetcher = net.fetcher(connect=connect, tls=trusting)
    assert fetcher.fetch("https://good.example/").status == 204
    assert failure_of(net, "https://other.example/", connect=connect, tls=trusting) == FetchFailure.CERTIFICATE
    assert failure_of(net, "https://good.example/", connect=connect) == FetchFailure.CERTIFICATE
