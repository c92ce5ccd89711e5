"""SendGrid's answers, one by one: what was surely not taken, what is in doubt, what needs a person."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message as Headers
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core import clock
from newsletter.core.errors import ConfigurationError
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, REFUSED, WAITING, SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports import sendgrid_request
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError, TransportError
from newsletter.mail.transports.sendgrid import SendGridTransport
from newsletter.mail.transports.sendgrid_answers import LONGEST_PAUSE, as_error, refused_recipients
from newsletter.mail.transports.sendgrid_client import ApiResponse
from newsletter.mail.transports.sendgrid_request import Personalization, build_request, tracking_of
from tests.contract.test_transports import message, readers
from tests.services import sendgrid_exchange as does
from tests.services.certificates import make_certificate
from tests.services.sendgrid_exchange import Behaviour
from tests.services.sendgrid_standin import KEY, SendGridStandIn


@pytest.fixture
def standin() -> Iterator[SendGridStandIn]:
    with SendGridStandIn() as standin:
        yield standin


@pytest.fixture
def transport(standin: SendGridStandIn) -> SendGridTransport:
    return SendGridTransport(KEY, standin.url)


def fails(transport: SendGridTransport, count: int = 3) -> TransportError:
    """The error of a send after which everyone is still waiting."""
    record = SendResult(count)
    with pytest.raises(TransportError) as caught:
        transport.send(message(), readers(count), record)
    assert set(record.outcomes) == {WAITING}
    assert "mail.example.org" not in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value


def error_body(*errors: tuple[str | None, str]) -> bytes:
    entries = [{"field": field, "message": text, "help": None} for field, text in errors]
    return json.dumps({"errors": entries}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, NotAcceptedError),
        (429, NotAcceptedError),
        (503, NotAcceptedError),
        (400, RefusedForGoodError),
        (401, RefusedForGoodError),
        (403, RefusedForGoodError),
        (404, RefusedForGoodError),
        (405, RefusedForGoodError),
        (413, RefusedForGoodError),
        (415, RefusedForGoodError),
        (201, InDoubtError),
        (202, InDoubtError),
        (204, InDoubtError),
        (300, InDoubtError),
        (301, InDoubtError),
        (304, InDoubtError),
        (408, InDoubtError),
        (418, InDoubtError),
        (500, InDoubtError),
        (502, InDoubtError),
        (504, InDoubtError),
        (599, InDoubtError),
    ],
)
def test_each_status_has_its_meaning(
    standin: SendGridStandIn, transport: SendGridTransport, status: int, kind: type[TransportError]
) -> None:
    standin.script(does.status(status, error_body((None, "It is about reader.1@mail.example.org."))))

    error = fails(transport)

    assert type(error) is kind
    assert str(status) in str(error)
    assert standin.asked == 1


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(standin: SendGridStandIn, transport: SendGridTransport, code: int) -> None:
    standin.script(does.redirect(f"{standin.url}/v3/mail/send", code))

    assert type(fails(transport)) is InDoubtError
    assert standin.asked == 1
    assert standin.message_ids == []


@pytest.mark.parametrize(
    "behaviour",
    [
        does.unnamed,
        does.taken_and_silent,
        does.taken_and_reset,
        does.taken_and_cut,
        does.reset_unread,
        does.silent,
        does.drip(b"HTTP/1.1 202 Accepted\r\nX-Slow: "),
        does.drip(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9999999\r\nX-Message-Id: a\r\n\r\n"),
    ],
    ids=["unnamed", "silent", "reset", "cut", "reset unread", "nothing", "dripping headers", "dripping body"],
)
def test_a_lost_answer_is_a_doubt_that_ends_with_the_deadline(standin: SendGridStandIn, behaviour: Behaviour) -> None:
    standin.script(behaviour)
    transport = SendGridTransport(KEY, standin.url, deadline=3.0)  # enough to ask, on a busy machine
    began = time.monotonic()

    assert type(fails(transport)) is InDoubtError
    assert time.monotonic() - began < 100  # a time-out for each read would wait for ever: the drip never ends


def test_a_name_that_was_looked_up_for_too_long_is_not_called_any_more(
    standin: SendGridStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = SendGridTransport(KEY, standin.url, deadline=0.1)
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.2)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)

    assert type(fails(transport)) is NotAcceptedError
    assert standin.asked == 0


def test_the_deadline_holds_over_tls_and_bad_certificates_are_no_connection(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with SendGridStandIn(tls=certificate.server_context()) as standin:
        distrusting = SendGridTransport(KEY, standin.url)
        trusting = SendGridTransport(KEY, standin.url, deadline=1.0, context=certificate.client_context())
        assert "certificate is not trusted" in str(fails(distrusting))
        standin.script(does.ok, does.drip(b"HTTP/1.1 202 Accepted\r\nX-Slow: "))
        record = SendResult(1)

        trusting.send(message(), readers(1), record)

        assert record.provider_ref == standin.message_ids[0]
        assert type(fails(trusting)) is InDoubtError


def test_named_recipients_are_refused_and_the_rest_is_sent_at_once(
    standin: SendGridStandIn, transport: SendGridTransport
) -> None:
    standin.script(
        does.status(400, error_body(("personalizations.0.to", "reader.1@mail.example.org is odd"))),
        does.status(400, error_body(("personalizations.2.to.0.email", "reader.4 is odder"), (None, "Bad Request"))),
    )
    record = SendResult(5)

    transport.send(message(), readers(5), record)

    assert list(record.outcomes) == [REFUSED, ACCEPTED, ACCEPTED, REFUSED, ACCEPTED]
    assert record.reasons == {0: "…@… is odd", 3: "… is odder"}
    assert sorted(standin.counts.elements()) == [readers(5)[n].address for n in (1, 2, 4)]
    assert [mail.custom_args["n"] for mail in standin.mails()] == ["1", "2", "4"]


def test_when_everyone_is_refused_nothing_is_left_to_send(
    standin: SendGridStandIn, transport: SendGridTransport
) -> None:
    record = SendResult(2)
    transport.send(message(), [Recipient(n, f"a..{n}@mail.example.org", "T" * 22) for n in range(2)], record)

    assert list(record.outcomes) == [REFUSED, REFUSED]
    assert standin.asked == 1


@pytest.mark.parametrize("field", ["personalizations.9.to", "personalizations.1.custom_args", "from.email", "content"])
def test_a_400_that_names_no_recipient_needs_a_person(
    standin: SendGridStandIn, transport: SendGridTransport, field: str
) -> None:
    standin.script(does.status(400, error_body((field, "Something is wrong."))))

    error = fails(transport)

    assert type(error) is RefusedForGoodError
    assert "Something is wrong" in str(error)


def test_refusals_without_an_end_stop_at_the_deadline(standin: SendGridStandIn) -> None:
    standin.behave = lambda _: does.status(400, error_body(("personalizations.0.to", "no")))
    transport = SendGridTransport(KEY, standin.url, deadline=0.2)
    record = SendResult(1000)

    with pytest.raises((NotAcceptedError, InDoubtError)):  # whether it ends between two requests or within one
        transport.send(message(), readers(1000), record)

    assert WAITING in record.outcomes
    # The answer to the last request may come too late.
    assert standin.asked - 1 <= record.outcomes.count(REFUSED) <= standin.asked


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "Sat, 02 May 2026 07:30:45 GMT"}, 45.0),
        ({"X-RateLimit-Reset": "1777707060"}, 60.0),
        ({"X-RateLimit-Reset": "1777706000"}, 0.0),
        ({"Retry-After": "9e99"}, LONGEST_PAUSE),
        ({"Retry-After": "nan", "X-RateLimit-Reset": "soon"}, None),
    ],
)
def test_it_says_when_to_come_back(
    standin: SendGridStandIn, transport: SendGridTransport, headers: dict[str, str], seconds: float | None
) -> None:
    standin.script(does.status(429, headers=headers))

    with clock.set_to(datetime(2026, 5, 2, 7, 30, tzinfo=UTC)):
        error = fails(transport)

    assert isinstance(error, NotAcceptedError)
    assert error.retry_after == seconds


def test_the_same_address_twice_gets_one_mail(standin: SendGridStandIn, transport: SendGridTransport) -> None:
    twins = [Recipient(1, "Reader@mail.example.org", "A" * 22), Recipient(2, "reader@MAIL.example.org", "B" * 22)]
    record = SendResult(2)

    transport.send(message(), twins, record)

    assert list(record.outcomes) == [ACCEPTED, REFUSED]
    assert standin.counts.total() == 1
    assert standin.asked == 1


def test_a_local_part_beyond_ascii_is_refused_before_anything_is_sent(
    standin: SendGridStandIn, transport: SendGridTransport
) -> None:
    record = SendResult(1)

    transport.send(message(), [Recipient(1, "jörg@mail.example.org", "T" * 22)], record)

    assert list(record.outcomes) == [REFUSED]
    assert "ASCII" in record.reasons[0]
    assert standin.asked == 0


def test_the_request_switches_tracking_off_and_carries_opaque_names_alone(
    standin: SendGridStandIn, transport: SendGridTransport
) -> None:
    transport.send(message(), readers(2), SendResult(2))

    (request,) = standin.requests
    off = {"enable": False}
    assert request["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": off,
        "subscription_tracking": off,
        "ganalytics": off,
    }
    assert request["custom_args"] == {"batch": "17", "attempt": "1"}
    assert request["from"] == {"email": "letters@dispatch.example", "name": "Dispatch, the “newsletter”"}
    assert request["reply_to"] == {"email": "editors@dispatch.example"}
    assert [part["type"] for part in request["content"]] == ["text/plain", "text/html"]
    assert "categories" not in request


def test_more_than_one_request_can_hold_is_a_mistake_of_the_caller(transport: SendGridTransport) -> None:
    with pytest.raises(ValueError, match="1000"):
        transport.send(message(), readers(1001), SendResult(1001))


def test_a_letter_that_cannot_be_written_is_no_doubt(standin: SendGridStandIn, transport: SendGridTransport) -> None:
    with pytest.raises(RefusedForGoodError, match="cannot be put into a request"):
        transport.send(replace(message(), subject="\ud800"), readers(2), SendResult(2))
    assert standin.asked == 0


@pytest.mark.parametrize("key", ["", "SG.with space", "SG.line\nend", "SG.ümlaut"])
def test_a_key_that_cannot_be_one_is_named_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="SENDGRID_API_KEY") as caught:
        SendGridTransport(key, "https://api.sendgrid.com")
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("host", ["api.sendgrid.com", "ftp://api.sendgrid.com", "https://", "file:///etc/passwd"])
def test_a_host_that_cannot_be_one_is_named(host: str) -> None:
    with pytest.raises(ConfigurationError, match="SENDGRID_HOST"):
        SendGridTransport(KEY, host)


@given(
    st.integers(100, 599), st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_no_body_can_upset_the_reading_of_an_answer(status: int, body: bytes | str) -> None:
    answer = ApiResponse(status, Headers(), body if isinstance(body, bytes) else body.encode())

    assert refused_recipients(answer) == {}
    assert isinstance(as_error(answer), TransportError)


@given(
    st.lists(st.fixed_dictionaries({}, optional={"field": st.text() | st.none(), "message": st.text() | st.integers()}))
)
def test_no_list_of_errors_can_upset_the_reading_of_an_answer(errors: list[object]) -> None:
    body = json.dumps({"errors": errors}).encode()
    assert isinstance(as_error(ApiResponse(400, Headers(), body)), RefusedForGoodError)


def test_tracking_is_read_from_the_body_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    one = [Personalization(0, 0, "r1@readers.example", "0123456789abcdefABCDEF")]
    hostile = replace(message(), text=f'"tracking_settings":{orjson.dumps(sendgrid_request._TRACKING_OFF).decode()}')
    assert tracking_of(build_request(message(), one)) is Tracking.OFF
    assert tracking_of(build_request(hostile, one)) is Tracking.OFF
    for settings in ({}, {"open_tracking": {"enable": True}}, {**sendgrid_request._TRACKING_OFF, "more": {}}):
        monkeypatch.setattr(sendgrid_request, "_TRACKING_OFF", settings)
        assert tracking_of(build_request(hostile, one)) is Tracking.ON
