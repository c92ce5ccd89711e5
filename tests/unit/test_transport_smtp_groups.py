"""Pipelining (RFC 2920): a message costs one round trip, and whatever the server says is said about the right one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.mail.encoding import encode
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, SendResult
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
from tests.services.smtp_sink import SmtpSink
from tests.services.smtp_sink_conversation import Say

CUT = Say("250 OK", cut=0)
"""Instead of an answer."""
LONG = "a line of a very long letter\n" * 400_000 + message().text
"""More than the buffers of both sides hold."""


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def transport(sink: SmtpSink) -> Iterator[SmtpTransport]:
    transport = SmtpTransport(sink.url)
    yield transport
    transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def send(transport: SmtpTransport, count: int, **changes: object) -> str:
    """The outcomes, a letter for each."""
    record = SendResult(count)
    transport.send(message(**changes), readers(count), record)
    return record.outcomes.decode()


def fails(transport: SmtpTransport, count: int) -> tuple[type[TransportError], str]:
    record = SendResult(count)
    with pytest.raises(TransportError) as caught:
        transport.send(message(), readers(count), record)
    return type(caught.value), record.outcomes.decode()


def arrived(sink: SmtpSink) -> list[int]:
    """The numbers of the readers whose mail was taken, in order."""
    assert all(mail.content.endswith(b"--\r\n") for mail in sink.mails)
    return [int(mail.recipient.split("@")[0].partition(".")[2]) for mail in sink.mails]


def test_a_message_costs_one_round_trip(sink: SmtpSink, transport: SmtpTransport) -> None:
    assert send(transport, 10) == "a" * 10

    assert sink.turns == 3 + 10  # the greeting, EHLO, the first group; from then on the next group comes with a message
    assert sink.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 10]


@pytest.mark.parametrize("how", ["not offered", "forbidden"])
def test_without_groups_each_command_waits_for_its_answer(how: str) -> None:
    with SmtpSink(extensions=() if how == "not offered" else ("PIPELINING",)) as sink:
        transport = SmtpTransport(sink.url + ("?pipelining=never" if how == "forbidden" else ""))
        assert send(transport, 10) == "a" * 10
        transport.close()

    assert sink.turns == 2 + 4 * 10


def test_over_tls_it_is_the_same(certificate: Certificate) -> None:
    with SmtpSink(certificate=certificate) as sink:
        transport = SmtpTransport(sink.url, context=certificate.client_context())
        assert send(transport, 10) == "a" * 10
        transport.close()

    assert arrived(sink) == list(range(1, 11))
    assert sink.most_unanswered == 1


def test_a_message_that_fills_every_buffer_arrives_whole(sink: SmtpSink, transport: SmtpTransport) -> None:
    assert send(transport, 2, text=LONG) == "aa"

    assert [mail.content for mail in sink.mails] == [encode(message(text=LONG)).render(reader) for reader in readers(2)]


@pytest.mark.parametrize("tls", [False, True])
def test_a_message_whose_end_did_not_leave_us_is_not_in_doubt(certificate: Certificate, tls: bool) -> None:
    with SmtpSink(certificate=certificate if tls else None) as sink:
        sink.cuts.extend([None, 2000])
        transport = SmtpTransport(sink.url, context=certificate.client_context())
        assert send(transport, 3, text=LONG) == "aaa"
        transport.close()

    assert arrived(sink) == [1, 2, 3]
    assert sink.connections == 2


def test_each_recipient_has_an_answer_of_its_own(sink: SmtpSink, transport: SmtpTransport) -> None:
    sink.rcpt = {
        "reader.2@mail.example.org": "550 5.1.1 reader.2@mail.example.org: no mailbox reader.2",
        "reader.3@mail.example.org": "450-4.2.1 <reader.3@mail.example.org>\n450 4.2.1 is over quota",
    }
    sink.script["."].extend([None, "554 Not in this form", "451 Try again later", None])
    record = SendResult(6)

    transport.send(message(), readers(6), record)

    assert record.outcomes == b"ardrda"
    assert record.reasons == {
        1: "550 5.1.1 …@…: no mailbox …",
        2: "450 4.2.1 <…@…> 4.2.1 is over quota",
        3: "554 Not in this form",
        4: "451 Try again later",
    }
    assert arrived(sink) == [1, 6]
    assert sink.connections == 1


@pytest.mark.parametrize("data", ["554 No valid recipients", "354 Go on all the same"])
def test_a_refused_recipient_leaves_nothing_behind(sink: SmtpSink, transport: SmtpTransport, data: str) -> None:
    """RFC 2920 3.1: where DATA is let through without a recipient, a dot alone ends it."""
    sink.script["RCPT"].extend([None, "550 gone"])
    sink.script["DATA"].extend([None, data])

    assert send(transport, 3) == "ara"

    assert arrived(sink) == [1, 3]
    assert sink.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "RSET", "MAIL", "RCPT", "DATA"]


def test_a_message_that_data_refuses_is_cleared_away(sink: SmtpSink, transport: SmtpTransport) -> None:
    sink.script["DATA"].extend([None, "451 4.3.2 Not now", None, "554 5.5.0 Never"])

    assert send(transport, 5) == "adara"

    assert arrived(sink) == [1, 3, 5]
    assert sink.connections == 1


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 4.3.0 Come back later", NotAcceptedError), ("550 5.7.1 Not you", RefusedForGoodError)]
)
@pytest.mark.parametrize("data", [None, "354 Go on"])
def test_a_refused_sender_stops_it_though_more_was_written(
    sink: SmtpSink, transport: SmtpTransport, answer: str, kind: type[TransportError], data: str | None
) -> None:
    sink.script["MAIL"].extend([None, answer])
    sink.script["DATA"].extend([None, data])

    assert fails(transport, 4) == (kind, "awww")

    assert arrived(sink) == [1]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_server_that_says_goodbye_is_called_again(
    sink: SmtpSink, transport: SmtpTransport, verb: str, place: int
) -> None:
    send(transport, 1)
    sink.script[verb].extend([None] * (place - 1) + ["421 Too many messages, closing"])

    assert send(transport, 4) == "aaaa"

    assert arrived(sink) == [1, 1, 2, 3, 4]
    assert sink.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_connection_that_breaks_before_a_message_leaves_no_doubt(
    sink: SmtpSink, transport: SmtpTransport, verb: str, place: int
) -> None:
    sink.script[verb].extend([None] * (place - 1) + [CUT])

    assert send(transport, 4) == "aaaa"

    assert arrived(sink) == [1, 2, 3, 4]
    assert sink.connections == 2


def test_groups_that_have_worked_are_not_given_up_for_a_broken_connection(
    sink: SmtpSink, transport: SmtpTransport
) -> None:
    sink.script["MAIL"].extend([None] * 2 + [CUT])

    assert send(transport, 10) == "a" * 10

    assert sink.connections == 2
    assert sink.turns <= 2 * 3 + 10


@pytest.mark.parametrize("octets", [0, 1, 2000])
def test_a_connection_that_breaks_within_a_message_leaves_one_in_doubt_at_most(
    sink: SmtpSink, transport: SmtpTransport, octets: int
) -> None:
    """Whether it is in doubt depends on how much the kernel had taken over; that nobody is lost does not."""
    sink.cuts.extend([None, octets])
    record = SendResult(3)

    try:
        transport.send(message(), readers(3), record)
    except InDoubtError:
        assert record.outcomes == b"aww"
        transport.send(message(), readers(3), record)

    assert record.outcomes == b"aaa"
    assert arrived(sink) == [1, 2, 3]


@pytest.mark.parametrize("octets", [0, 1, 5])
def test_an_answer_that_is_lost_leaves_its_message_in_doubt(
    sink: SmtpSink, transport: SmtpTransport, octets: int
) -> None:
    sink.script["."].extend([None, Say("250 OK", cut=octets)])

    assert fails(transport, 4) == (InDoubtError, "awww")

    assert arrived(sink) == [1, 2]


def test_a_whole_answer_counts_though_the_connection_ends_with_it(sink: SmtpSink, transport: SmtpTransport) -> None:
    sink.script["."].extend([None, Say("250 OK", cut=99)])

    assert send(transport, 4) == "aaaa"

    assert arrived(sink) == [1, 2, 3, 4]


@pytest.mark.parametrize("answer", ["250 OK", "354 Go on\n250 Taken, really", "354 Go on\n421 Or not"])
def test_an_answer_that_nobody_asked_for_takes_no_message(
    sink: SmtpSink, transport: SmtpTransport, answer: str
) -> None:
    """It would be taken for the answer to the message that follows."""
    sink.script["DATA"].extend([None, answer])

    assert send(transport, 3) == "aaa"

    assert arrived(sink) == [1, 2, 3]
    assert sink.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "answer", ["hello there", "25 OK", "250?OK", "999 OK", "199 OK", "2500 OK", "300 OK", "²50 OK"]
)
def test_an_answer_that_is_none_takes_no_message(
    sink: SmtpSink, transport: SmtpTransport, verb: str, answer: str
) -> None:
    sink.script[verb].extend([answer] * 2)  # the second time without groups

    assert fails(transport, 2) == (CutOffError, "ww")

    assert sink.mails == []


def test_answers_may_come_octet_by_octet_and_in_many_lines(sink: SmtpSink, transport: SmtpTransport) -> None:
    for verb in ("MAIL", "RCPT", "."):
        sink.script[verb].extend([Say("250-one\n250-\n250 three", drip=0.0001)] * 3)
    sink.script["DATA"].extend([Say("354-go\n354", drip=0.0001)] * 3)

    assert send(transport, 3) == "aaa"


def test_a_reply_without_an_end_is_no_reply(sink: SmtpSink, transport: SmtpTransport) -> None:
    sink.script["MAIL"].extend(["\n".join(["250-more"] * 5000), "250-" + "x" * 100_000])

    assert fails(transport, 1) == (CutOffError, "w")


def test_a_server_that_drips_costs_no_more_than_the_deadline(sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpTransport, "_may_begin", lambda _transport, _deadline: True)  # in whichever half it is
    sink.script["."].extend([None, Say("250-" + "x" * 50_000, drip=0.01)])

    assert fails(SmtpTransport(sink.url, timeout=60, deadline=2.0), 3) == (InDoubtError, "aww")


def test_a_server_that_cannot_do_what_it_offers_gets_one_command_at_a_time() -> None:
    with SmtpSink(forgetful=True) as sink:
        transport = SmtpTransport(sink.url, timeout=1.0)
        assert send(transport, 3) == "aaa"
        assert send(transport, 3) == "aaa"
        transport.close()

    assert arrived(sink) == [1, 2, 3] * 2
    assert sink.connections == 2


def test_a_server_that_loses_only_what_follows_a_message_is_found_out_too(sink: SmtpSink) -> None:
    sink.script["MAIL"].extend([None, Say("", drip=60)])
    transport = SmtpTransport(sink.url, timeout=1.0)

    assert send(transport, 4) == "aaaa"
    transport.close()

    assert arrived(sink) == [1, 2, 3, 4]
    assert sink.connections == 2
    assert sink.turns > 4 * 3


@pytest.mark.parametrize("stop", [1, 2])
def test_who_must_stop_sends_no_message_though_its_envelope_is_written(
    sink: SmtpSink, transport: SmtpTransport, stop: int
) -> None:
    answered: list[int] = []
    record = SendResult(3, may_continue=lambda: len(answered) < stop, answered=answered.append)

    transport.send(message(), readers(3), record)
    assert arrived(sink) == list(range(1, stop + 1))
    record.may_continue = lambda: True
    transport.send(message(), readers(3), record)

    assert record.outcomes == b"aaa"
    assert arrived(sink) == [1, 2, 3]
    assert sink.connections == 2


def test_it_is_asked_once_for_each_message_whether_to_go_on(sink: SmtpSink, transport: SmtpTransport) -> None:
    asked: list[int] = []

    def may_continue() -> bool:
        asked.append(len(sink.mails))
        return True

    transport.send(message(), readers(5), SendResult(5, may_continue))

    assert asked == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("offered", [True, False])
def test_an_address_beyond_ascii_needs_smtputf8(offered: bool) -> None:
    people = [*readers(1), Recipient(7, "jörg@mail.example.org", "A" * 22), *readers(3)[1:]]
    record = SendResult(4)
    with SmtpSink(extensions=("PIPELINING", "8BITMIME", "SMTPUTF8") if offered else ("PIPELINING",)) as sink:
        transport = SmtpTransport(sink.url)
        transport.send(message(), people, record)
        transport.close()

    assert bytes(record.outcomes) == bytes([ACCEPTED, ACCEPTED if offered else REFUSED, ACCEPTED, ACCEPTED])
    options = {mail.recipient: mail.options for mail in sink.mails}
    assert options.get("jörg@mail.example.org") == (("SMTPUTF8", "BODY=8BITMIME") if offered else None)
    assert {options[reader.address] for reader in readers(3)} == {()}
    assert sink.connections == 1


def test_each_message_has_the_sender_that_the_message_says(
    sink: SmtpSink, transport: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Message, "envelope_sender", lambda _, recipient: f"b.{recipient.id}@bounces.example")

    assert send(transport, 2) == "aa"

    assert [mail.sender for mail in sink.mails] == ["b.1@bounces.example", "b.2@bounces.example"]


def test_nothing_is_left_open_when_writing_down_an_answer_fails(sink: SmtpSink, transport: SmtpTransport) -> None:
    def full_disk(index: int) -> None:
        raise OSError(28, "No space left on device")

    record = SendResult(2, answered=full_disk)
    with pytest.raises(OSError, match="No space"):
        transport.send(message(), readers(2), record)

    assert bytes(record.outcomes) == bytes([ACCEPTED, WAITING])
    assert send(transport, 2) == "aa"
    assert sink.connections == 2
