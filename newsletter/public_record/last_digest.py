"""The last digest with an accepted mail: its figures, its public copy, and the checks of that copy."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.digests.models import Digest
from newsletter.mail.message_checks import MessageChecks, check_message
from newsletter.mail.public_copy import personal_addresses
from newsletter.public_record.models import DigestTally

MOST_SHOWN = 6000
"""Bytes of the copy on a page."""


@dataclass(frozen=True)
class LastDigest:
    """The last digest as /open shows it."""

    digest: Digest
    tally: DigestTally
    raw: bytes
    """The public copy of the commonest edition: the same file that can be downloaded."""
    sha256: str
    """Of `raw`, in hexadecimal digits."""
    checks: MessageChecks

    @property
    def beginning(self) -> str:
        """The beginning of the copy, in whole lines, as a page shows it: the file may be larger than the page."""
        shown, _, _ = self.raw[: MOST_SHOWN + 1].rpartition(b"\r\n") if self.is_cut else (self.raw, b"", b"")
        return shown.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def is_cut(self) -> bool:
        """Whether the page shows the beginning alone."""
        return len(self.raw) > MOST_SHOWN


def last_digest(session: Session, settings: Settings) -> LastDigest | None:
    """The digest whose time came last; None before any mail was accepted. One query."""
    row = session.execute(
        select(Digest, DigestTally)
        .join(DigestTally, DigestTally.digest_id == Digest.id)
        .where(DigestTally.edition_copy.is_not(None), Digest.scheduled_at <= clock.now())
        .order_by(DigestTally.day.desc(), Digest.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    digest, tally = row
    assert tally.edition_copy is not None
    raw = zlib.decompress(tally.edition_copy)
    return LastDigest(digest, tally, raw, hashlib.sha256(raw).hexdigest(), _checks(raw, personal_addresses(settings)))


@lru_cache(maxsize=4)
def _checks(raw: bytes, allowed: tuple[str, ...]) -> MessageChecks:
    """The checks of one file: each process makes them once."""
    return check_message(raw, allowed)
