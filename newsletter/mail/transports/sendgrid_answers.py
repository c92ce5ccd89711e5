"""The meaning of SendGrid's answers, in the project's own words."""

from __future__ import annotations

import json
import math
import re
from email.message import Message as Headers
from email.utils import parsedate_to_datetime

from newsletter.core import clock
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError, TransportError
from newsletter.mail.transports.redaction import redact
from newsletter.mail.transports.sendgrid_client import ApiResponse

LONGEST_PAUSE = 3600.0
"""Seconds: whatever an answer says, the next attempt comes within the hour."""

_RECIPIENT = re.compile(r"personalizations\.(\d+)\.to(?:\.\d+(?:\.email)?)?")
_FOR_GOOD = {
    400: "SendGrid found the request faulty (%(answer)s).",
    401: "SendGrid refused the API key, or the account may send no more (%(answer)s).",
    403: "SendGrid does not allow this key or this sender (MAIL_FROM) to send (%(answer)s).",
    404: "There is no SendGrid at SENDGRID_HOST (%(answer)s).",
    405: "There is no SendGrid at SENDGRID_HOST (%(answer)s).",
    413: "SendGrid found the digest too large (%(answer)s).",
    415: "SendGrid found the request unreadable (%(answer)s).",
}
_LATER = {
    200: "SendGrid only checked the mail and sent none: sandbox mode is on (%(answer)s).",
    429: "SendGrid asks us to send more slowly (%(answer)s).",
    503: "SendGrid is out of service at present (%(answer)s).",
}
_UNCLEAR = "SendGrid's answer does not tell whether it took the mail (%(answer)s)."


def accepted_as(answer: ApiResponse) -> str:
    """The X-Message-Id of a 202; empty when the answer is anything else."""
    return (answer.headers.get("X-Message-Id") or "").strip()[:200] if answer.status == 202 else ""


def refused_recipients(answer: ApiResponse) -> dict[int, str]:
    """The positions in the request that a 400 names, each with SendGrid's reason; empty when it names none."""
    found: dict[int, str] = {}
    if answer.status == 400:
        for field, message in _errors(answer.body):
            if match := _RECIPIENT.fullmatch(field):
                found.setdefault(int(match[1]), message)
    return found


def as_error(answer: ApiResponse) -> TransportError:
    """The error for an answer that is no success. One that is not known to be a refusal leaves a doubt."""
    said = redact("; ".join(message for _, message in _errors(answer.body)))
    quoted = f"{answer.status}: {said}" if said else str(answer.status)
    if answer.status in _LATER:
        retry_after = _retry_after(answer.headers)
        return NotAcceptedError("sendgrid.later", _LATER[answer.status], answer=quoted, retry_after=retry_after)
    if answer.status in _FOR_GOOD:
        return RefusedForGoodError("sendgrid.refused", _FOR_GOOD[answer.status], answer=quoted)
    return InDoubtError("sendgrid.unclear", _UNCLEAR, answer=quoted)


def as_repeatable_error(answer: ApiResponse) -> NotAcceptedError | RefusedForGoodError:
    """The error for an answer to a request that leaves no doubt, since it can be repeated."""
    error = as_error(answer)
    if isinstance(error, NotAcceptedError | RefusedForGoodError):
        return error
    return NotAcceptedError("sendgrid.unclear", _UNCLEAR, retry_after=None, **error.values)


def batch_id(answer: ApiResponse) -> str:
    """The batch_id in the 201 of POST /v3/mail/batch; empty when the answer is anything else."""
    document = _document(answer.body) if answer.status == 201 else None
    found = document.get("batch_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) and found.isalnum() and len(found) <= 200 else ""


def is_cancelled(answer: ApiResponse, provider_batch_id: str) -> bool:
    """Whether GET /v3/user/scheduled_sends/{batch_id} says that the batch is cancelled."""
    document = _document(answer.body) if answer.status == 200 else None
    return isinstance(document, list) and {"batch_id": provider_batch_id, "status": "cancel"} in document


def _document(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document


def _errors(body: bytes) -> list[tuple[str, str]]:
    """Field and message of each error. Nothing of the body is sure to have its form."""
    document = _document(body)
    errors = document.get("errors") if isinstance(document, dict) else None
    return [
        (str(error.get("field") or ""), str(error.get("message") or ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]


def _retry_after(headers: Headers) -> float | None:
    """Seconds to wait, from Retry-After (RFC 9110, 10.2.3) or X-RateLimit-Reset (seconds since 1970)."""
    now = clock.now().timestamp()
    for name, origin in (("Retry-After", 0.0), ("X-RateLimit-Reset", now)):
        seconds = _seconds(headers.get(name, ""), now) - origin
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), LONGEST_PAUSE)
    return None


def _seconds(text: str, now: float) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return math.nan
