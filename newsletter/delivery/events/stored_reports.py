"""The reports behind verdicts, kept for a while so that a wrong verdict can be understood.

A report holds addresses and names. It is compressed and encrypted with a key that is derived from SUPPRESSION_KEY, so
neither the database nor a backup tells them. It goes with its reader, and after `KEPT_FOR` in any case.
"""

from __future__ import annotations

import base64
import hmac
import os
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import StoredReport

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEPT_FOR = timedelta(days=30)
LONGEST = 16_000
"""Bytes of a report that are kept: what a mail server says stands at its beginning, the enclosed mail after it."""

_NONCE_BYTES = 12
_ROWS_AT_ONCE = 1000
_UNREADABLE = "(This report was sealed under another SUPPRESSION_KEY.)"


class ShownReport(NamedTuple):
    """A report in the clear."""

    kind: EventKind
    received_at: datetime
    text: str


def seal_report(key: SuppressionKey, raw: bytes) -> str:
    """A report, compressed and encrypted, as text for an event's JSON."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + _cipher(key).encrypt(nonce, zlib.compress(raw[:LONGEST]), None)
    return base64.b64encode(sealed).decode()


def content_of(sealed: str) -> bytes:
    """The content of a row, from what `seal_report` returned."""
    return base64.b64decode(sealed)


def reports_about(session: Session, key: SuppressionKey, subscriber_id: int) -> list[ShownReport]:
    """The reports about a reader that are still kept, the newest first."""
    query = select(StoredReport).where(StoredReport.subscriber_id == subscriber_id)
    rows: Sequence[StoredReport] = session.scalars(query.order_by(StoredReport.received_at.desc())).all()
    return [ShownReport(row.kind, row.received_at, _opened(key, row.content)) for row in rows]


def delete_old_reports(session: Session) -> bool:
    """Delete reports that were kept for long enough; whether there may be more."""
    old = select(StoredReport.id).where(StoredReport.received_at < clock.now() - KEPT_FOR).limit(_ROWS_AT_ONCE)
    ids = session.scalars(old).all()
    if ids:
        session.execute(
            delete(StoredReport).where(StoredReport.id.in_(ids)).execution_options(synchronize_session=False)
        )
    return len(ids) == _ROWS_AT_ONCE


def _opened(key: SuppressionKey, content: bytes) -> str:
    from cryptography.exceptions import InvalidTag

    nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
    try:
        return zlib.decompress(_cipher(key).decrypt(nonce, sealed, None)).decode("utf-8", "replace")
    except (InvalidTag, ValueError, zlib.error):
        return _UNREADABLE


def _cipher(key: SuppressionKey) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # an idle service does without its 5 MB

    return AESGCM(hmac.digest(key.encode(), b"stored-report", "sha256"))
