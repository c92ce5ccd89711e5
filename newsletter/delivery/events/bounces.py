"""Bounce mails and complaint reports, as mail servers send them, in our own words.

Standard reports (RFC 3464, RFC 5965) are read with the standard library, the others' many forms with flufl.bounce.
Whom a report is about stands in the signed return path that the mail went out with; no address in it is believed.
Any bytes at all may come here: what cannot be read, or was not signed by us, is no report.
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
from newsletter.delivery.events import policy
from newsletter.delivery.events.vocabulary import EventKind, ReaderEvent
from newsletter.mail import return_path
from newsletter.mail.return_path import ReturnPath
from newsletter.mail.transports.redaction import redact

MOST_BYTES = 1_000_000
"""What is read of a mail: reports stand at its beginning."""

_RECEIVED_AT = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
"""Where a mail server writes the address that a mail came to."""
_SENT_FROM = ("Return-Path", "X-Envelope-From", "X-Original-Return-Path")
"""Where one writes the envelope's sender, in the mail that a report encloses."""
_COMPLAINTS = ("abuse", "fraud")
"""Feedback types of RFC 5965 7.3 that come from a reader. `virus`, `other` and `not-spam` (RFC 6430) do not."""

# It writes down what it fails on, which is what strangers sent.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


class NoReportError(InvalidError):
    """A mail that reports nothing about a mail of ours."""


def parse_report(raw: bytes, key: bytes, to: str = "") -> ReaderEvent:
    """What a report says. `to` is the address that it came to, when the mail server tells it.

    Raises NoReportError, and nothing else, for whatever is no report about a mail that `key` signed.
    """
    try:
        message = email.message_from_bytes(raw[:MOST_BYTES])
        about = _about(message, key, to)
        found = _complaint(message) or _standard(message) or _other(message)
    except NoReportError:
        raise
    except Exception as error:  # parsers of hostile mail fail in many ways; none of them is a report
        raise NoReportError(f"This mail cannot be read ({type(error).__name__}).") from error
    if found is None:
        raise NoReportError("This mail reports neither a failure nor a complaint.")
    kind, reason = found
    return ReaderEvent(kind, int(clock.now().timestamp()), about.batch, reader=about.reader, reason=reason)


def _about(message: Message, key: bytes, to: str) -> ReturnPath:
    """Where the report came to says it best; a complaint comes to another address and encloses the mail."""
    for address in (to, *_addresses(message, _RECEIVED_AT), *_enclosed(message)):
        if found := return_path.read_signed_address(address, key):
            return found
    raise NoReportError("This mail is about none of ours: no return path that we signed stands in it.")


def _enclosed(message: Message) -> Iterator[str]:
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
    """A report of RFC 5965 that comes from a reader. Raises NoReportError for one that does not."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            for block in _blocks(part):
                feedback = str(block.get("Feedback-Type", "")).strip().lower()
                if feedback in _COMPLAINTS:
                    return EventKind.COMPLAINED, feedback
            raise NoReportError("This report is no complaint.")
    return None


def _standard(message: Message) -> tuple[EventKind, str] | None:
    """A report of RFC 3464 of a mail that was given up. Raises NoReportError when it was not (delayed, delivered)."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in _blocks(part):
                # Comments were seen behind the action, and `error` for `failed` (flufl.bounce).
                if str(block.get("Action", "")).strip().lower().startswith(("fail", "error")):
                    return _failure(block)
            raise NoReportError("This report tells of no failure.")
    return None


def _failure(block: Message) -> tuple[EventKind, str]:
    """The mail that came back went to one reader, so that one failed recipient is the reader."""
    status, said = str(block.get("Status", "")), str(block.get("Diagnostic-Code", ""))
    recipient = str(block.get("Final-Recipient", "")).rpartition(";")[2].strip()
    return policy.classify_bounce(status, said), redact(said.partition(";")[2] or said or status, recipient)


def _other(message: Message) -> tuple[EventKind, str] | None:
    """A bounce in a form of its own. What failed for a time only is no failure yet."""
    _, permanent = all_failures(message)
    if not permanent:
        return None
    said = _first_text(message)
    return policy.classify_bounce(said, said), "A bounce in no standard form."


def _first_text(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            return payload.decode("utf-8", "replace")[:4000] if isinstance(payload, bytes) else ""
    return ""


def _blocks(part: Message) -> list[Message]:
    """The header blocks of a report; its parser turns each into a message."""
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []
