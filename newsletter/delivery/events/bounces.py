"""Bounce mails and complaint reports of mail servers, mapped to the project's own words.

Standard reports (RFC 3464, RFC 5965) are read with the standard library, the many other forms with flufl.bounce. The
signed return path of the mail names the reader; no other address in a report is believed. Any bytes at all may come
here: a mail that cannot be read, or whose return path we did not sign, is no report.
"""

from __future__ import annotations

import email
import logging
from collections.abc import Iterator
from email.message import Message
from email.utils import getaddresses

from flufl.bounce import all_failures

from newsletter.core import clock
from newsletter.core.errors import InvalidError
from newsletter.core.ids import BatchId, SubscriberId
from newsletter.delivery.events import policy
from newsletter.delivery.events.vocabulary import EventKind, ReaderEvent
from newsletter.mail import return_path
from newsletter.mail.return_path import ReturnPath
from newsletter.mail.transports.redaction import redact

MOST_BYTES = 1_000_000
"""Bytes of a mail that are read: reports stand at its beginning."""

_RECEIVED_AT = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
"""Headers in which a mail server names the address that a mail came to."""
_SENT_FROM = ("Return-Path", "X-Envelope-From", "X-Original-Return-Path")
"""Headers with the envelope's sender, in the mail that a report encloses."""
_COMPLAINTS = ("abuse", "fraud")
"""Feedback types of RFC 5965 7.3 that come from a reader. `virus`, `other` and `not-spam` (RFC 6430) do not."""

# It logs the mails that it fails on, and those come from strangers.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


class NoReportError(InvalidError):
    """A mail that reports nothing about a mail of ours."""


def parse_report(raw: bytes, key: bytes, to: str = "") -> ReaderEvent:
    """Parse a report. `to` is the address that it came to, when the mail server tells it.

    Raises NoReportError, and nothing else, for anything but a report about a mail that `key` signed.
    """
    try:
        message = email.message_from_bytes(raw[:MOST_BYTES])
        reported = _reported_mail(message, key, to)
        found = _complaint(message) or _standard_bounce(message) or _other_bounce(message)
    except NoReportError:
        raise
    except Exception as error:  # parsers of hostile mail fail in many ways; none of them is a report
        raise NoReportError(
            "report.unreadable", "This mail cannot be read (%(error)s).", error=type(error).__name__
        ) from error
    if found is None:
        raise NoReportError("report.no_report", "This mail reports neither a failure nor a complaint.")
    kind, reason = found
    return ReaderEvent(
        kind,
        int(clock.now().timestamp()),
        BatchId(reported.batch),
        subscriber_id=SubscriberId(reported.reader),
        reason=reason,
    )


def _reported_mail(message: Message, key: bytes, to: str) -> ReturnPath:
    """The mail that a report is about.

    The address that the report came to is the best evidence. A complaint comes to another address, but encloses the
    mail.
    """
    for address in (to, *_addresses(message, _RECEIVED_AT), *_enclosed_addresses(message)):
        if found := return_path.read_signed_address(address, key):
            return found
    raise NoReportError("report.not_ours", "This mail is about none of ours: it holds no return path that we signed.")


def _enclosed_addresses(message: Message) -> Iterator[str]:
    for part in message.walk():
        if part is message:
            continue
        yield from _addresses(part, _SENT_FROM)
        if part.get_content_type() == "text/rfc822-headers":
            headers = email.message_from_string(str(part.get_payload()))
            yield from _addresses(headers, _SENT_FROM)
        yield from _addresses(part, ("Original-Mail-From",))  # RFC 5965 3.2


def _addresses(message: Message, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        values = [str(value) for value in message.get_all(name, [])]
        yield from (address for _, address in getaddresses(values))


def _complaint(message: Message) -> tuple[EventKind, str] | None:
    """A report of RFC 5965 that comes from a reader. Raises NoReportError for all others of that form."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            for block in _blocks(part):
                feedback = str(block.get("Feedback-Type", "")).strip().lower()
                if feedback in _COMPLAINTS:
                    return EventKind.COMPLAINED, feedback
            raise NoReportError("report.no_complaint", "This report is no complaint.")
    return None


def _standard_bounce(message: Message) -> tuple[EventKind, str] | None:
    """A report of RFC 3464 about a mail that was given up. Raises NoReportError for others (delayed, delivered)."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in _blocks(part):
                # flufl.bounce has seen comments after the action, and `error` for `failed`.
                if str(block.get("Action", "")).strip().lower().startswith(("fail", "error")):
                    return _failure(block)
            raise NoReportError("report.no_failure", "This report tells of no failure.")
    return None


def _failure(block: Message) -> tuple[EventKind, str]:
    """Kind and reason. Each mail goes to one reader, so the first failed recipient is the reader."""
    status, diagnostic = str(block.get("Status", "")), str(block.get("Diagnostic-Code", ""))
    recipient = str(block.get("Final-Recipient", "")).rpartition(";")[2].strip()
    reason = diagnostic.partition(";")[2] or diagnostic or status
    return policy.classify_bounce(status, diagnostic), redact(reason, recipient)


def _other_bounce(message: Message) -> tuple[EventKind, str] | None:
    """A bounce in no standard form. A temporary failure is no bounce yet."""
    _, permanent = all_failures(message)
    if not permanent:
        return None
    text = _first_text(message)
    return policy.classify_bounce(text, text), "A bounce in no standard form."


def _first_text(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            return payload.decode("utf-8", "replace")[:4000] if isinstance(payload, bytes) else ""
    return ""


def _blocks(part: Message) -> list[Message]:
    """The header blocks of a report, each of which the parser turns into a message."""
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []
