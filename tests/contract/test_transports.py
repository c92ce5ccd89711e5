"""The promises of every transport, whatever the other end does."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.errors import NotAcceptedError
from newsletter.mail.transports.sendgrid import SendGridTransport
from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.transports_under_test import Arrived, Way

PLACEHOLDER = "PlaceholderOfTheToken1"
TEXT = f"""Grüße aus Zürich – 🎉
.
..
.a line that begins with a dot
From here on mbox files would break
{"word " * 500}
{"x" * 2000}
{{{{ not_a_template }}}} {{% nor this %}} <%this%> -this- =3D =
trailing spaces  \t
\ttabs

Unsubscribe:
https://letters.example.org/unsubscribe/{PLACEHOLDER}
https://letters.example.org/preferences/{PLACEHOLDER}
"""
HTML = f"""<!doctype html><html><body><p>Grüße &amp; “quotes” 🎉</p>
.
<p>{"long " * 400}</p>
<a href="https://letters.example.org/unsubscribe/{PLACEHOLDER}">Leave</a></body></html>
"""


def message(**changes: object) -> Message:
    whole = Message(
        sender="letters@dispatch.example",
        sender_name="Dispatch, the “newsletter”",
        reply_to="editors@dispatch.example",
        subject="Musk testifies: 5 % “partly” – Ümläute 🎉",
        text=TEXT,
        html=HTML,
        placeholder=PLACEHOLDER,
        unsubscribe_url=f"https://letters.example.org/unsubscribe/{PLACEHOLDER}",
        headers=(("List-ID", "Dispatch <letters.example.org>"),),
        id_domain="letters.example.org",
        id_salt=b"a secret salt",
        date=datetime(2026, 5, 2, 7, 30, tzinfo=UTC),
        reference=(("batch", "17"), ("attempt", "1")),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def readers(count: int) -> list[Recipient]:
    return [
        Recipient(n, f"reader.{n}@mail.example.org", f"TokenOfReader{n:09d}", position=n - 1)
        for n in range(1, count + 1)
    ]


def send(way: Way, mail: Message, recipients: list[Recipient]) -> SendResult:
    record = SendResult(len(recipients))
    way.transport.send(mail, recipients, record)
    return record


def by_address(way: Way) -> dict[str, Arrived]:
    mails = way.arrived()
    found = {mail.address: mail for mail in mails}
    assert len(found) == len(mails), "an address got two mails"
    return found


def test_everyone_gets_one_mail_with_their_own_token_and_nobody_elses(way: Way) -> None:
    recipients = readers(12)

    record = send(way, message(), recipients)

    assert set(record.outcomes) == {ACCEPTED}
    assert record.reasons == {}
    arrived = by_address(way)
    assert set(arrived) == {recipient.address for recipient in recipients}
    for recipient in recipients:
        mail = arrived[recipient.address]
        assert mail.headers["list-unsubscribe"] == f"<https://letters.example.org/unsubscribe/{recipient.token}>"
        for body in (mail.text, mail.html):
            assert f"https://letters.example.org/unsubscribe/{recipient.token}" in body
            assert PLACEHOLDER not in body
            assert not [other for other in recipients if other is not recipient and other.token in body]
            assert "@mail.example.org" not in body


def test_what_was_written_arrives_unchanged(way: Way) -> None:
    mail, (reader,) = message(), readers(1)

    send(way, mail, [reader])

    (arrived,) = way.arrived()
    assert arrived.text == mail.text.replace(PLACEHOLDER, reader.token)
    assert arrived.html == mail.html.replace(PLACEHOLDER, reader.token)
    assert arrived.subject == mail.subject


def test_the_headers_of_a_list_arrive(way: Way) -> None:
    send(way, message(), readers(1))

    (arrived,) = way.arrived()
    assert arrived.headers["list-id"] == "Dispatch <letters.example.org>"
    assert arrived.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


def test_a_single_mail_has_no_unsubscribe_and_needs_no_token_or_html(way: Way) -> None:
    single = message(
        text="Your link\n", html="", placeholder="", unsubscribe_url="", headers=(("Auto-Submitted", "auto-generated"),)
    )

    send(way, single, [Recipient(7, "new@mail.example.org")])

    (arrived,) = way.arrived()
    assert (arrived.text.rstrip("\n"), arrived.html) == ("Your link", "")
    assert arrived.headers["auto-submitted"] == "auto-generated"
    assert not [name for name in arrived.headers if name.startswith("list-")]


def test_one_refused_recipient_does_not_stop_the_others(way: Way) -> None:
    recipients = readers(5)
    recipients[2] = recipients[2]._replace(address=way.refused_address)

    record = send(way, message(), recipients)

    assert list(record.outcomes) == [ACCEPTED, ACCEPTED, REFUSED, ACCEPTED, ACCEPTED]
    assert len(way.arrived()) == 4
    assert record.reasons[2]
    assert way.refused_address not in record.reasons[2]
    assert way.refused_address.partition("@")[0] not in record.reasons[2]


def test_what_is_no_address_is_refused_on_every_way(way: Way) -> None:
    hostile = "a@b.example>\r\nRCPT TO:<victim@c.example"
    recipients = [Recipient(n, address, "T" * 22) for n, address in enumerate(["", "nobody", hostile, "\ud800@x.org"])]

    record = send(way, message(), [*recipients, *readers(1)])

    assert list(record.outcomes) == [REFUSED] * 4 + [ACCEPTED]
    assert len(way.arrived()) == 1


def test_an_international_domain_is_reached_in_its_ascii_form(way: Way) -> None:
    record = send(way, message(), [Recipient(1, "leser@bücher.example.org", "T" * 22)])

    assert list(record.outcomes) == [ACCEPTED]
    assert set(by_address(way)) == {"leser@xn--bcher-kva.example.org"}


def test_only_those_who_are_waiting_get_a_mail(way: Way) -> None:
    recipients = readers(4)
    record = SendResult(4)
    record.accepted(1)
    record.refused(3, "Refused before.")

    way.transport.send(message(), recipients, record)

    assert set(by_address(way)) == {recipients[0].address, recipients[2].address}
    assert list(record.outcomes) == [ACCEPTED, ACCEPTED, ACCEPTED, REFUSED]


def test_nothing_is_sent_when_the_sender_may_not_go_on(way: Way) -> None:
    record = SendResult(3, may_continue=lambda: False)

    way.transport.send(message(), readers(3), record)

    assert set(record.outcomes) == {WAITING}
    assert way.arrived() == []


def test_a_sender_who_loses_the_lease_stops_before_the_next_message(way: Way) -> None:
    answered: list[int] = []
    record = SendResult(5, may_continue=lambda: len(answered) < 2, answered=answered.append)

    way.transport.send(message(), readers(5), record)

    sent = 5 if way.transport.all_or_nothing else 2
    assert bytes(record.outcomes) == bytes([ACCEPTED] * sent + [WAITING] * (5 - sent))
    assert len(way.arrived()) == sent


def test_a_repeat_is_no_second_mail_where_the_transport_says_so(way: Way) -> None:
    send(way, message(), readers(3))
    send(way, message(), readers(3))

    assert len(way.arrived()) == (3 if way.transport.idempotent else 6)


def test_a_provider_that_answers_once_for_all_names_its_answer(way: Way) -> None:
    record = send(way, message(), readers(2))

    assert bool(record.provider_ref) is way.transport.all_or_nothing


def test_it_says_what_its_requests_held_of_tracking(way: Way) -> None:
    record = send(way, message(), readers(3))

    assert record.tracking is (Tracking.OFF if way.transport.all_or_nothing else Tracking.NOT_OFFERED)
    assert way.transport.unrecorded_tracking is not Tracking.OFF  # a lost record proves nothing


def test_without_a_request_it_says_nothing_of_tracking(way: Way) -> None:
    record = SendResult(3, may_continue=lambda: False)

    way.transport.send(message(), readers(3), record)

    assert record.tracking is None


def test_no_address_token_or_key_is_logged(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    recipients = readers(3)
    recipients[1] = recipients[1]._replace(address=way.refused_address)

    send(way, message(), recipients)

    assert not [line for line in caplog.messages if "mail.example.org" in line or "TokenOf" in line or "SG." in line]


def test_it_can_be_closed_at_any_time_and_used_again(way: Way) -> None:
    way.transport.close()
    send(way, message(), readers(1))
    way.transport.close()
    way.transport.close()
    send(way, message(), readers(2)[1:])

    assert len(way.arrived()) == 2


@pytest.mark.parametrize(
    "transport",
    [
        SmtpTransport("smtp://127.0.0.1:1"),
        SmtpTransport("smtps://127.0.0.1:1"),
        SendGridTransport("SG.key", "http://127.0.0.1:1"),
        SendGridTransport("SG.key", "https://127.0.0.1:1"),
    ],
    ids=["smtp", "smtps", "sendgrid", "sendgrid over TLS"],
)
def test_without_a_connection_nothing_was_taken(transport: SmtpTransport | SendGridTransport) -> None:
    record = SendResult(2)

    with pytest.raises(NotAcceptedError, match="cannot be reached: connection refused"):
        transport.send(message(), readers(2), record)

    assert set(record.outcomes) == {WAITING}
