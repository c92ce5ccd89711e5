"""Bounce mails and complaint reports of mail servers, mapped to the project's own words.

Standard reports (RFC 3464, RFC 5965, Microsoft's JMRP) are read with the standard library, the many other forms with
flufl.bounce. `report_subject` says whom a report is about, and `mail.failures` what a failure says of the reader. Any
bytes at all may come here: a mail that cannot be read, or is about no mail of ours, is no report.
"""

from __future__ import annotations

import email
import logging
from email.message import Message
from typing import NamedTuple

from flufl.bounce import all_failures

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.delivery.events import report_subject, stored_reports
from newsletter.delivery.events.event_kinds import KIND_OF_FAILURE, EventKind, ReaderEvent
from newsletter.delivery.events.report_parts import enclosed_headers, field_blocks, field_value, own_text
from newsletter.mail import return_path
from newsletter.mail.failures.codes import answer_in
from newsletter.mail.failures.judging import judge
from newsletter.mail.failures.phrases import own_words
from newsletter.mail.transports.redaction import redact

MOST_BYTES = 1_000_000
"""Bytes of a mail that are read: reports stand at its beginning."""
MOST_RECIPIENTS = 20
"""Recipients of a report whose failures are judged. Each takes some milliseconds, and a megabyte names thousands."""

_FEEDBACK = {
    "abuse": EventKind.COMPLAINED,
    "fraud": EventKind.COMPLAINED,
    "opt-out": EventKind.UNSUBSCRIBED,
    "opt-out-list": EventKind.UNSUBSCRIBED,
}
"""Feedback types that come from a reader (RFC 5965 7.3; opt-out is of its drafts, and in use). `virus`, `other` and
`not-spam` (RFC 6430) say nothing of the kind."""
_JMRP = "X-HmXmrOriginalRecipient"
"""Stands in the mails that Microsoft's Junk Mail Reporting Program encloses, in a mail of no standard form."""
_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_NO_STANDARD_FORM = "A bounce in no standard form."

# It logs the mails that it fails on, and those come from strangers.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


class NoReportError(InvalidError):
    """A mail that reports nothing about a mail of ours."""


class _Finding(NamedTuple):
    """The content of a report."""

    kind: EventKind
    reason: str


def read_report(db: Database, settings: Settings, raw: bytes, to: str = "") -> ReaderEvent:
    """Read a report. `to` is the address that it came to, when the mail server tells it.

    Raises NoReportError, and nothing else, for anything but a report about a mail of ours.
    """
    raw = raw[:MOST_BYTES]
    key = return_path.return_path_key(settings.suppression_key)
    subject = report_subject.find_signed_subject(raw, key, to)
    is_signed = subject is not None
    if subject is None:
        with db.reading() as session:
            subject = report_subject.find_enclosed_subject(session, settings, raw)
    if subject is None:
        raise NoReportError(
            "report.not_ours", "This mail is about none of ours: it holds no return path that we signed."
        )
    finding = _parse(raw, only_feedback=not is_signed)
    return ReaderEvent(
        finding.kind,
        int(clock.now().timestamp()),
        subject.batch_id,
        subscriber_id=subject.subscriber_id,
        reason=finding.reason,
        sent_at=subject.sent_at,
        address_tag=subject.address_tag,
        sealed_report=stored_reports.seal_report(settings.suppression_key, raw),
    )


def _parse(raw: bytes, *, only_feedback: bool) -> _Finding:
    """Read a report's content. A reader's own report needs no signature; a failure without one is not believed."""
    try:
        message = email.message_from_bytes(raw)
        finding = _feedback(message) or _junk_report(message)
        if finding is None and not only_feedback:
            finding = _standard_bounce(message) or _other_bounce(message)
    except NoReportError:
        raise
    except Exception as error:  # parsers of hostile mail fail in many ways; none of them is a report
        raise NoReportError(
            "report.unreadable", "This mail cannot be read (%(error)s).", error=type(error).__name__
        ) from error
    if finding is None:
        raise NoReportError("report.no_report", "This mail reports neither a failure nor a complaint.")
    return finding


def _feedback(message: Message) -> _Finding | None:
    """A report of RFC 5965 that comes from a reader. Raises NoReportError for all others of that form."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            for block in field_blocks(part):
                word = field_value(block, "Feedback-Type").lower()
                if kind := _FEEDBACK.get(word):
                    return _Finding(kind, word)
            raise NoReportError("report.no_complaint", "This report is no complaint.")
    return None


def _junk_report(message: Message) -> _Finding | None:
    """A complaint as Microsoft sends it."""
    is_one = any(_JMRP in headers for headers in enclosed_headers(message))
    return _Finding(EventKind.COMPLAINED, "junk mail report") if is_one else None


def _standard_bounce(message: Message) -> _Finding | None:
    """A report of RFC 3464 about a mail that was given up. Raises NoReportError for others (delayed, delivered)."""
    for part in message.walk():
        if part.get_content_type() in _STATUS_PARTS:
            recipients = [block for block in field_blocks(part) if block.get("Action")]
            # flufl.bounce has seen comments after the action, and `error` for `failed`.
            failed = [each for each in recipients if field_value(each, "Action").lower().startswith(("fail", "error"))]
            if not failed:
                raise NoReportError("report.no_failure", "This report tells of no failure.")
            text = own_text(message)
            findings = [_failure(block, text) for block in failed[:MOST_RECIPIENTS]]
            # Each mail goes to one reader. Several recipients are those that the reader's address passes it on to.
            spared = [each for each in findings if each.kind is not EventKind.BOUNCED]
            if not spared and len(failed) < len(recipients):
                return findings[0]._replace(kind=EventKind.SOFT_BOUNCED)
            return (spared or findings)[0]
    return None


def _failure(block: Message, text: str) -> _Finding:
    status, diagnostic = field_value(block, "Status"), field_value(block, "Diagnostic-Code")
    recipient = field_value(block, "Final-Recipient").rpartition(";")[2].strip()
    verdict = judge(diagnostic, status, text)
    reason = diagnostic.partition(";")[2] or diagnostic or answer_in(own_words(text)) or status
    return _Finding(KIND_OF_FAILURE[verdict.kind], redact(reason, recipient))


def _other_bounce(message: Message) -> _Finding | None:
    """A bounce in no standard form. A temporary failure is no bounce yet."""
    _, permanent = all_failures(message)
    if not permanent:
        return None
    text = own_text(message)
    verdict = judge("", "", text)
    recipient = next(iter(permanent)).decode("utf-8", "replace")
    return _Finding(KIND_OF_FAILURE[verdict.kind], redact(answer_in(own_words(text)), recipient) or _NO_STANDARD_FORM)
