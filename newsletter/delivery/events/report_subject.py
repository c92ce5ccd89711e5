"""The reader and mail that a report is about, found before it is parsed: most mail to such an address is no report.

The signed return path is the evidence for bounces and complaints; no other address in a report is believed. Complaints
often come without it. For them the enclosed mail's own List-Unsubscribe or Message-ID counts, which strangers do not
know.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock, tokens
from newsletter.core.config import Settings
from newsletter.core.ids import BatchId, SubscriberId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, RenderedDigestRow
from newsletter.mail import message_ids, return_path
from newsletter.mail.return_path import MailReturnPath, ReturnPath
from newsletter.subscribers.models import Subscriber

COMPLAINTS_FOR = timedelta(days=90)
"""The age of the digests among which a Message-ID is looked for."""

_SOFT_BREAK = re.compile(rb"=\r?\n")
_BASE64_LINES = re.compile(rb"(?:^[A-Za-z0-9+/]{40,}={0,2}\r?\n)+(?:[A-Za-z0-9+/]+={0,2}\r?$)?", re.MULTILINE)
_UNSUBSCRIBE = re.compile(rb"^List-Unsubscribe:[^<]{0,200}<([^>]{1,500})>", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(
    rb"^(?:X-)?(?:Original-)?Message-ID:\s*<([0-9a-f]{32})@([^>\s]{1,253})>", re.IGNORECASE | re.MULTILINE
)


class ReportSubject(NamedTuple):
    """The reader and the mail that a report is about."""

    subscriber_id: SubscriberId
    batch_id: BatchId | None = None
    """None when it was no digest, or is not known."""
    sent_at: int | None = None
    """Seconds since 1970: when a transactional mail went out."""
    address_tag: str = ""
    """`return_path.address_tag` of the address that a transactional mail went to."""


def find_signed_subject(raw: bytes, key: bytes, to: str = "") -> ReportSubject | None:
    """The subject by a return path that `key` signed. `to`, the address that the report came to, is looked at first."""
    for data in (to.encode("utf-8", "replace"), raw, _decoded(raw)):
        found = return_path.find_signed(data, key)
        if isinstance(found, ReturnPath):
            return ReportSubject(SubscriberId(found.reader), BatchId(found.batch))
        if isinstance(found, MailReturnPath):
            return ReportSubject(SubscriberId(found.reader), None, found.sent_at, found.tag)
    return None


def find_enclosed_subject(session: Session, settings: Settings, raw: bytes) -> ReportSubject | None:
    """The subject by the Message-ID or the List-Unsubscribe of a mail of ours that `raw` encloses."""
    for data in (raw, _decoded(raw)):
        if found := _by_message_id(session, settings, data) or _by_token(session, settings, data):
            return found
    return None


def _by_message_id(session: Session, settings: Settings, data: bytes) -> ReportSubject | None:
    names = {
        match[1].decode("ascii").lower()
        for match in _MESSAGE_ID.finditer(data)
        if match[2].decode("utf-8", "replace").lower() == settings.public_host
    }
    if not names:
        return None
    salts = select(RenderedDigestRow.digest_id, RenderedDigestRow.id_salt).where(
        RenderedDigestRow.created_at > clock.now() - COMPLAINTS_FOR
    )
    for digest_id, salt in session.execute(salts):
        for name in names:
            if (reader := message_ids.recipient_of(name, salt)) is not None:
                return ReportSubject(SubscriberId(reader), _batch_of(session, digest_id, reader))
    return None


def _batch_of(session: Session, digest_id: int, reader: int) -> BatchId | None:
    """The batch of a digest that holds a reader."""
    batches = select(Batch.id, Batch.recipients).where(
        Batch.digest_id == digest_id, Batch.first_id <= reader, Batch.last_id >= reader
    )
    for batch_id, recipients in session.execute(batches):
        if packing.position_of(packing.unpack_ids(recipients), reader) is not None:
            return BatchId(batch_id)
    return None


def _by_token(session: Session, settings: Settings, data: bytes) -> ReportSubject | None:
    beginning = settings.url("/unsubscribe/")
    for match in _UNSUBSCRIBE.finditer(data):
        link = re.sub(r"\s", "", match[1].decode("utf-8", "replace"))
        token = link.removeprefix(beginning)
        if token != link and tokens.is_random_token(token):
            reader = session.scalar(select(Subscriber.id).where(Subscriber.token == token))
            if reader is not None:
                return ReportSubject(SubscriberId(reader))
    return None


def _decoded(raw: bytes) -> bytes:
    """Lines that quoted-printable broke, joined; and blocks of base64 in the clear."""
    blocks = [_SOFT_BREAK.sub(b"", raw)] if b"=\n" in raw or b"=\r\n" in raw else []
    for match in _BASE64_LINES.finditer(raw):
        try:
            blocks.append(base64.b64decode(re.sub(rb"\s", b"", match[0]) + b"=="))
        except binascii.Error:
            continue
    return b"\n".join(blocks)
