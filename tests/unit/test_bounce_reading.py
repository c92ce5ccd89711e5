"""Bounce mails and complaint reports: what they mean, and that no other mail means anything."""

from __future__ import annotations

import base64
import quopri
from dataclasses import replace
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import bounces, report_parts
from newsletter.delivery.events.bounces import NoReportError
from newsletter.delivery.events.event_kinds import EventKind, ReaderEvent
from newsletter.mail import return_path
from newsletter.mail.failures import judging
from tests.services import bounce_mails
from tests.services.bounce_mails import READER, arf, dsn, holiday, original, qmail

KEY = return_path.return_path_key("a suppression key for the tests")
OURS = return_path.signed_address(KEY, "bounces.example.org", 17, 4)
FORGED = return_path.signed_address(
    return_path.return_path_key("another suppression key"), "bounces.example.org", 17, 4
)


SETTINGS = replace(Settings(), suppression_key=SuppressionKey("a suppression key for the tests"))
NO_DATABASE = Database("sqlite://")


def parse(raw: bytes, to: str = "") -> ReaderEvent:
    return bounces.read_report(NO_DATABASE, SETTINGS, raw, to)


def read(raw: bytes, to: str = "") -> ReaderEvent:
    event = parse(raw, to)
    assert (event.batch_id, event.subscriber_id, event.position) == (17, 4, None)
    assert "ada" not in event.reason.lower()
    return event


def test_a_mailbox_that_does_not_exist() -> None:
    event = read(dsn(OURS))
    assert event.kind is EventKind.BOUNCED
    assert event.reason.startswith("550 5.1.1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.2.2", EventKind.SOFT_BOUNCED),
        ("4.4.7 (delivery time expired)", EventKind.SOFT_BOUNCED),
        ("5.7.1", EventKind.BLOCKED),
    ],
)
def test_other_failures(status: str, kind: EventKind) -> None:
    assert read(dsn(OURS, status, said="smtp; 552 no")).kind is kind


@pytest.mark.parametrize("action", ["failed", "FAILED (it is over)", "error"])
def test_actions_as_servers_write_them(action: str) -> None:
    assert read(dsn(OURS, action=action)).kind is EventKind.BOUNCED


@pytest.mark.parametrize(
    ("action", "status", "said", "kind"),
    [
        ("failed", "5.1.1", "550 5.1.1 no such user", EventKind.BOUNCED),
        ("failed", "5.2.2", "552 5.2.2 mailbox full", EventKind.SOFT_BOUNCED),
        ("failed", "5.7.1", "550 5.7.1 blocked", EventKind.BLOCKED),
        ("delivered", "2.0.0", "250 OK", EventKind.SOFT_BOUNCED),
    ],
)
def test_an_address_that_passes_mail_on_is_gone_when_nobody_is_there(
    action: str, status: str, said: str, kind: EventKind
) -> None:
    other = (
        f"Final-Recipient: rfc822; b@x.example\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {said}"
    )
    mark = b"\r\n\r\n--b1\r\nContent-Type: message/rfc822"
    assert read(dsn(OURS).replace(mark, f"\r\n\r\n{other}".encode() + mark)).kind is kind


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_a_report_without_a_failure_changes_nothing(action: str) -> None:
    with pytest.raises(NoReportError, match="no failure"):
        parse(dsn(OURS, action=action))


@pytest.mark.parametrize("feedback", ["abuse", "Abuse ", "fraud"])
def test_a_complaint_names_the_mail_by_what_it_encloses(feedback: str) -> None:
    assert read(arf(original(OURS), feedback)).kind is EventKind.COMPLAINED


@pytest.mark.parametrize("feedback", ["not-spam", "virus", "other", ""])
def test_not_every_feedback_is_a_complaint(feedback: str) -> None:
    with pytest.raises(NoReportError, match="no complaint"):
        parse(arf(original(OURS), feedback))


def test_a_complaint_may_name_the_return_path_in_its_own_field() -> None:
    assert read(arf(original("<>"), extra=f"Original-Mail-From: <{OURS}>\r\n")).kind is EventKind.COMPLAINED


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_microsofts_reports_are_read_in_every_encoding(encoding: str) -> None:
    enclosed = f"X-HmXmrOriginalRecipient: {READER}\r\n{original(OURS)}".encode()
    encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(encoding, bytes)
    report = (
        b'From: staff@hotmail.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
        b"--b1\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\r\n\r\n"
        + encode(enclosed)
        + b"\r\n--b1--\r\n"
    )
    assert read(report).kind is EventKind.COMPLAINED


def test_headers_alone_are_enough() -> None:
    enclosed = arf(original(OURS)).replace(b"message/rfc822", b"text/rfc822-headers")
    assert read(enclosed).kind is EventKind.COMPLAINED


def test_a_bounce_in_no_standard_form() -> None:
    assert read(qmail(OURS)).kind is EventKind.BOUNCED


def test_the_address_from_the_mail_server_comes_first() -> None:
    assert read(dsn("someone@dispatch.example"), to=OURS.upper()).kind is EventKind.BOUNCED


def test_a_holiday_answer_is_no_bounce() -> None:
    with pytest.raises(NoReportError, match="neither"):
        parse(holiday(OURS))


@pytest.mark.parametrize("make", [dsn, qmail, lambda to: arf(original(to))])
@pytest.mark.parametrize(
    "to", [FORGED, "letters@dispatch.example", READER, "b-17-4-aaaaaaaaaaaaaaaa@bounces.example.org"]
)
def test_a_return_path_that_we_did_not_sign_names_nobody(make: object, to: str) -> None:
    assert callable(make)
    with pytest.raises(NoReportError, match="none of ours"):
        parse(make(to))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n" * 10_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)),
        b"Content-Type: message/rfc822\r\n\r\n" * 2000,
        b"To: " + b"(" * 100_000,
        b"Subject: " + b"=?utf-8?q?" * 10_000,
    ],
    ids=["empty", "zeros", "parts", "nested", "enclosed", "comment", "words"],
)
def test_hostile_mails(raw: bytes) -> None:
    for to in ("", OURS):
        with pytest.raises(NoReportError):
            parse(raw, to)


whole = st.sampled_from([dsn(OURS), arf(original(OURS)), qmail(OURS), holiday(OURS)])


@given(st.binary(max_size=2000), st.text(max_size=60))
def test_no_bytes_break_it(raw: bytes, to: str) -> None:
    with pytest.raises(NoReportError):
        parse(raw, to)


@hypothesis_settings(max_examples=300)
@given(whole, st.data())
def test_a_report_that_was_damaged_is_still_about_the_same_reader_or_none(raw: bytes, data: st.DataObject) -> None:
    """Bytes are changed, cut out and put in; a reader is found only by a signature of ours."""
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        damaged[position : position + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=5))
    try:
        event = parse(bytes(damaged))
    except NoReportError:
        return
    assert (event.batch_id, event.subscriber_id) == (17, 4)


def test_only_the_beginning_of_a_huge_mail_is_read() -> None:
    huge = dsn(OURS) + b"x" * bounces.MOST_BYTES
    assert read(huge).kind is EventKind.BOUNCED
    assert bounce_mails.READER not in read(huge).reason


def test_a_report_of_thousands_of_recipients_costs_no_more_than_one_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, own_text = Mock(wraps=judging.judge), Mock(wraps=report_parts.own_text)
    monkeypatch.setattr(bounces, "judge", judge)
    monkeypatch.setattr(bounces, "own_text", own_text)
    mark = b"\r\n\r\n--b1\r\nContent-Type: message/rfc822"
    assert read(dsn(OURS).replace(mark, b"\r\n\r\nAction: failed" * 3000 + mark)).kind is EventKind.SOFT_BOUNCED
    assert judge.call_count == bounces.MOST_RECIPIENTS
    assert own_text.call_count == 1
