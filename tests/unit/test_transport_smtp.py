"""SMTP's answers, one by one, from a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, REFUSED, WAITING, SendResult
from newsletter.mail.transports import smtp_replies
from newsletter.mail.transports.errors import (
    CutOffError,
    InDoubtError,
    NotAcceptedError,
    RefusedForGoodError,
    TransportError,
)
from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.test_transports import message, readers
from tests.services.certificates import Certificate, make_certificate
from tests.services.patience import PATIENCE
from tests.services.smtp_server import Drop, SmtpServer
from tests.services.smtp_sink import SmtpSink
from tests.services.smtp_sink_conversation import Say


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def transport(server: SmtpServer) -> Iterator[SmtpTransport]:
    transport = SmtpTransport(server.url)
    yield transport
    transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def fails(transport: SmtpTransport, record: SendResult) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(message(), readers(len(record.outcomes)), record)
    assert "mail.example.org" not in str(caught.value)
    transport.close()
    return caught.value


def outcomes(record: SendResult) -> str:
    return record.outcomes.decode()


def test_each_recipient_has_an_answer_of_its_own(server: SmtpServer, transport: SmtpTransport) -> None:
    server.rcpt = {
        "reader.2@mail.example.org": "550 5.1.1 reader.2@mail.example.org: no mailbox reader.2",
        "reader.3@mail.example.org": "450 4.2.1 <reader.3@mail.example.org> is over quota",
    }
    server.data.extend(["250 OK", "554 Not in this form", "451 Try again later", "250 OK"])
    record = SendResult(6)

    transport.send(message(), readers(6), record)

    assert bytes(record.outcomes) == bytes([ACCEPTED, REFUSED, DEFERRED, REFUSED, DEFERRED, ACCEPTED])
    assert record.reasons == {
        1: "550 5.1.1 …@…: no mailbox …",
        2: "450 4.2.1 <…@…> is over quota",
        3: "554 Not in this form",
        4: "451 Try again later",
    }
    assert [mail.recipient for mail in server.mails] == ["reader.1@mail.example.org", "reader.6@mail.example.org"]
    assert server.connections == 1


def test_a_refused_recipient_is_cleared_away_before_the_next(server: SmtpServer, transport: SmtpTransport) -> None:
    server.rcpt = {"reader.1@mail.example.org": "550 gone"}

    transport.send(message(), readers(2), SendResult(2))

    assert server.commands == ["MAIL", "RCPT", "RSET", "MAIL", "RCPT"]


def test_one_connection_serves_many_batches(server: SmtpServer, transport: SmtpTransport) -> None:
    for _ in range(3):
        transport.send(message(), readers(2), SendResult(2))

    assert server.connections == 1
    assert len(server.mails) == 6


@pytest.mark.parametrize("command", ["mail", "data"])
def test_a_server_that_closes_between_messages_is_called_again(
    server: SmtpServer, transport: SmtpTransport, command: str
) -> None:
    getattr(server, command).extend(["250 OK", "421 Too many messages, closing", "250 OK", "421 Closing again"])
    record = SendResult(4)

    transport.send(message(), readers(4), record)

    assert set(record.outcomes) == {ACCEPTED}
    assert sorted(mail.recipient for mail in server.mails) == [reader.address for reader in readers(4)]
    assert server.connections == 3


def test_a_connection_that_was_cut_while_idle_is_made_anew(server: SmtpServer, transport: SmtpTransport) -> None:
    transport.send(message(), readers(1), SendResult(1))
    server.hang_up()
    record = SendResult(1)

    transport.send(message(), readers(1), record)

    assert outcomes(record) == "a"
    assert server.connections == 2


def test_a_server_that_always_closes_is_called_only_once(server: SmtpServer, transport: SmtpTransport) -> None:
    server.mail.extend(["421 Closing"] * 5)

    assert type(fails(transport, SendResult(2))) is CutOffError
    assert server.connections == 1


def test_a_connection_that_breaks_before_the_answer_leaves_one_message_in_doubt(
    server: SmtpServer, transport: SmtpTransport
) -> None:
    server.data.extend(["250 OK", Drop.TAKEN])
    record = SendResult(4)

    error = fails(transport, record)

    assert type(error) is InDoubtError
    assert bytes(record.outcomes) == bytes([ACCEPTED, WAITING, WAITING, WAITING])
    assert len(server.mails) == 2


def test_a_connection_that_breaks_before_data_leaves_no_doubt(server: SmtpServer, transport: SmtpTransport) -> None:
    server.rcpt = {"reader.2@mail.example.org": "421 4.3.2 Shutting down"}
    record = SendResult(3)

    error = fails(transport, record)

    assert type(error) is CutOffError
    assert bytes(record.outcomes) == bytes([ACCEPTED, WAITING, WAITING])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("451 4.3.0 Come back later", NotAcceptedError),
        ("452 4.3.1 No space", NotAcceptedError),
        ("530 5.7.0 Authentication required", RefusedForGoodError),
        ("550 5.7.1 Sender not allowed", RefusedForGoodError),
        ("553 5.7.1 <letters@dispatch.example>: not owned by user", RefusedForGoodError),
    ],
)
def test_a_refused_sender_concerns_everyone(
    server: SmtpServer, transport: SmtpTransport, answer: str, kind: type[TransportError]
) -> None:
    server.mail.append(answer)
    record = SendResult(3)

    error = fails(transport, record)

    assert type(error) is kind
    assert answer[:3] in str(error)
    assert "letters@" not in str(error)
    assert set(record.outcomes) == {WAITING}


@pytest.mark.parametrize("answer", ["554 5.7.1 Relay access denied", "454 4.7.1 Relaying denied", "530 Sign in first"])
def test_a_server_that_does_not_relay_for_us_does_not_cost_us_the_list(
    server: SmtpServer, transport: SmtpTransport, answer: str
) -> None:
    server.rcpt = {reader.address: answer for reader in readers(3)}
    record = SendResult(3)

    assert type(fails(transport, record)) is RefusedForGoodError
    assert set(record.outcomes) == {WAITING}


def test_a_server_that_has_relayed_means_the_recipient(server: SmtpServer, transport: SmtpTransport) -> None:
    server.rcpt = {"reader.2@mail.example.org": "550 relay to this domain failed"}
    record = SendResult(3)

    transport.send(message(), readers(3), record)

    assert bytes(record.outcomes) == bytes([ACCEPTED, REFUSED, ACCEPTED])


def test_a_silent_server_costs_no_more_than_the_deadline(server: SmtpServer) -> None:
    server.data.append(Drop.HANG)
    transport = SmtpTransport(server.url, timeout=60, deadline=2.0)

    assert type(fails(transport, SendResult(1))) is InDoubtError


def test_a_deadline_between_two_messages_leaves_the_rest_for_the_next_time(server: SmtpServer) -> None:
    transport = SmtpTransport(server.url, deadline=0)
    record = SendResult(2)

    transport.send(message(), readers(2), record)

    assert set(record.outcomes) == {WAITING}


def test_a_slow_server_is_sent_nothing_twice() -> None:
    """No message is in flight when the time is over."""
    with SmtpSink() as sink:
        sink.script["."].extend([Say("250 OK", drip=0.02)] * 30)  # 0.16 s for each message
        transport = SmtpTransport(sink.url, deadline=2)
        record = SendResult(30)
        while WAITING in record.outcomes:
            transport.send(message(), readers(30), record)
        transport.close()
    assert set(record.outcomes) == {ACCEPTED}
    assert len(sink.counts) == sink.counts.total() == 30


def test_a_wrong_password_needs_a_person(certificate: Certificate) -> None:
    with SmtpServer(certificate, sign_in=True) as server:
        url = server.url.replace("p%40ss", "wrong")
        error = fails(SmtpTransport(url, context=certificate.client_context()), SendResult(1))

    assert type(error) is RefusedForGoodError
    assert "535" in str(error)
    assert "wrong" not in str(error)


def test_a_password_is_not_sent_in_the_clear(server: SmtpServer) -> None:
    error = fails(SmtpTransport(server.url.replace("//", "//user:secret@")), SendResult(1))

    assert type(error) is RefusedForGoodError
    assert "STARTTLS" in str(error)


def test_a_server_without_sign_in_is_named(server: SmtpServer) -> None:
    error = fails(SmtpTransport(server.url.replace("//", "//user:secret@") + "?starttls=never"), SendResult(1))

    assert type(error) is RefusedForGoodError


@pytest.mark.parametrize("implicit", [True, False], ids=["smtps", "STARTTLS"])
def test_a_certificate_that_nobody_vouches_for_ends_it(certificate: Certificate, implicit: bool) -> None:
    with SmtpServer(certificate, implicit_tls=implicit) as server:
        error = fails(SmtpTransport(server.url), SendResult(1))

        assert type(error) is NotAcceptedError
        assert "certificate is not trusted" in str(error)
        assert server.mails == []


def test_starttls_can_be_switched_off(server: SmtpServer) -> None:
    transport = SmtpTransport(server.url + "?starttls=never")
    transport.send(message(), readers(1), SendResult(1))
    transport.close()

    assert len(server.mails) == 1


@pytest.mark.parametrize("offered", [True, False])
def test_a_local_part_beyond_ascii_needs_smtputf8(offered: bool) -> None:
    people = [Recipient(1, "jörg@mail.example.org", "A" * 22), *readers(1)]
    record = SendResult(2)
    with SmtpServer(smtputf8=offered) as server:
        transport = SmtpTransport(server.url)
        transport.send(message(), people, record)
        transport.close()

    assert bytes(record.outcomes) == bytes([ACCEPTED if offered else REFUSED, ACCEPTED])
    options = {mail.recipient: mail.options for mail in server.mails}
    assert options.get("jörg@mail.example.org") == (("SMTPUTF8", "BODY=8BITMIME") if offered else None)
    assert options["reader.1@mail.example.org"] == ()
    assert offered or "SMTPUTF8" in record.reasons[0]


GREETING = b"220 mail.example ESMTP\r\n"


@contextmanager
def talker(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that does what `talk` does with its only connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(20)
                with suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"smtp://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_dripping_server_costs_no_more_than_the_deadline() -> None:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not ended.wait(0.05):
            connection.sendall(b"2")

    with talker(drip) as url:
        began = time.monotonic()
        assert type(fails(SmtpTransport(url, timeout=5, deadline=0.5), SendResult(1))) is NotAcceptedError
        took = time.monotonic() - began
        ended.set()
    assert took < 20  # without a total deadline: as long as a line may be, 8192 bytes, 7 minutes


@pytest.mark.parametrize(
    "talk",
    [
        lambda connection: None,
        lambda connection: connection.sendall(b"421 Busy\r\n"),
        lambda connection: connection.sendall(b"554 No service for you\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        lambda connection: connection.sendall(b"\xff\xfe\x00" * 9000),
        lambda connection: (connection.sendall(GREETING), connection.recv(99), connection.sendall(b"xyz\r\n")),
        lambda connection: (connection.sendall(GREETING), connection.recv(99)),
    ],
    ids=["closed", "421", "554", "HTTP", "noise", "nonsense", "closed after EHLO"],
)
def test_whatever_is_no_mail_server_takes_nothing(talk: Callable[[socket.socket], None]) -> None:
    with talker(talk) as url:
        assert type(fails(SmtpTransport(url, timeout=5, deadline=1), SendResult(1))) is NotAcceptedError


def take_message(connection: socket.socket) -> None:
    """Everything of a conversation but the answer to the message."""
    with connection.makefile("rb") as lines:
        for answer in (GREETING, b"250 mail.example\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 Go\r\n"):
            connection.sendall(answer)
            lines.readline()
        while lines.readline() != b".\r\n":
            pass


def test_an_answer_to_a_message_that_is_none_leaves_a_doubt() -> None:
    def talk(connection: socket.socket) -> None:
        take_message(connection)
        connection.sendall(b"yes, I have it\r\n")

    with talker(talk) as url:
        assert type(fails(SmtpTransport(url, timeout=60, deadline=60), SendResult(1))) is InDoubtError


@pytest.mark.parametrize("pieces", [[b"2", b"50", b" OK\r", b"\n"], [b"250-I\r\n", b"250-have\r\n", b"250 it\r\n"]])
def test_the_lease_is_kept_while_an_answer_comes_piece_by_piece(
    pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next piece comes once the lease was kept, and no read of ours ends by its time-out meanwhile."""
    monkeypatch.setattr(smtp_replies, "BEAT", 2 * PATIENCE)
    kept = threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        take_message(connection)
        while kept.acquire(blocking=False):
            pass
        for piece in pieces:
            connection.sendall(piece)
            if piece is not pieces[-1] and not kept.acquire(timeout=PATIENCE):
                return

    record = SendResult(1, keep_alive=kept.release)
    with talker(talk) as url:
        transport = SmtpTransport(url, timeout=2 * PATIENCE)
        transport.send(message(), readers(1), record)
        transport.close()
    assert outcomes(record) == "a"
