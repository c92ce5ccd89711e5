"""The ledger's tables: what is to be sent to whom, and what became of it.

A batch holds its recipients' ids, packed, and in a column of its own one outcome byte for each. A send to a million
readers is a thousand rows and about 9 MB. Nothing is counted twice: every figure is a count of outcome bytes.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.core import clock
from newsletter.core.db import Base, EnumText, Id, dialect_index, one_of
from newsletter.core.ids import BatchId, DigestId, SubscriberId
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.formats import Format
from newsletter.mail.tracking import Tracking


class BatchState(StrEnum):
    """ready → claimed → sending → done | in_doubt. `sending` is committed just before the network call.

    `delivery.ledger.lifecycle` lists the transitions.
    """

    READY = "ready"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"
    IN_DOUBT = "in_doubt"


class RenderedDigestRow(Base):
    """A digest as it was frozen in one language. Later edits of the digest or its articles change nothing of it."""

    __tablename__ = "rendered_digests"
    __table_args__ = (UniqueConstraint("digest_id", "language"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[DigestId] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """`digests.rendering.RenderedDigest` as JSON."""
    id_salt: Mapped[bytes] = mapped_column(LargeBinary, default=lambda: secrets.token_bytes(32))
    """Secret: a Message-ID derived from it is the same at each attempt, and nobody can guess another reader's."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    """The date in the mails' headers."""


def digest_key(id_salt: bytes) -> str:
    """A short name that no rendered digest of any other database has, and that tells nothing of the salt."""
    return hashlib.blake2b(b"letter", key=id_salt, digest_size=6).hexdigest()


class Edition(Base):
    """A digest as some readers see it: a subset of its articles, a language, a format."""

    __tablename__ = "editions"
    __table_args__ = (UniqueConstraint("digest_id", "mask", "language", "format"), one_of("format", Format))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[DigestId] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    mask: Mapped[int] = mapped_column(BigInteger)
    """Bit i stands for the article at position i. 0: no article is left, and nobody gets this edition."""
    language: Mapped[str] = mapped_column(Text, default="en")
    format: Mapped[Format] = mapped_column(EnumText(Format), default=Format.HTML)
    """html (with a text part) or text."""


class EditionKey(NamedTuple):
    """Which edition a reader gets."""

    mask: int
    language: str
    format: Format


class Batch(Base):
    """At most `packing.BATCH_SIZE` recipients of one edition."""

    __tablename__ = "batches"
    __table_args__ = (
        Index("ix_batches_work", "state", "id"),
        Index("ix_batches_readers", "first_id", "last_id"),
        one_of("state", BatchState),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[BatchId] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[DigestId] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"), index=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id", ondelete="CASCADE"))
    state: Mapped[BatchState] = mapped_column(EnumText(BatchState), default=BatchState.READY)
    attempt: Mapped[int] = mapped_column(default=0)
    """Raised by each claim; finishing is fenced by it."""
    lease_until: Mapped[float | None] = mapped_column(Double)
    """Seconds since 1970 by the database's clock; set while claimed or sending."""
    due_at: Mapped[datetime | None]
    """The hour that its readers chose; None: the digest's own time. Frozen."""
    not_before: Mapped[datetime | None]
    """The time of the next claim at the earliest: its readers' hour, or the end of a pause."""
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts in a row in which the provider took nothing; the pause before the next one doubles with each."""
    deferred_since: Mapped[datetime | None]
    """The first deferral of a recipient; after a while a deferral counts as a refusal."""
    provider_batch_id: Mapped[str | None] = mapped_column(Text)
    """SendGrid's batch_id of a batch that it keeps until its time; needed to withdraw it."""
    withdrawing: Mapped[bool] = mapped_column(default=False)
    """Being withdrawn at SendGrid. Set before SendGrid is told, so that a crash in between is noticed. Meanwhile no
    worker claims the batch, and its digest does not count as sent."""
    provider_ref: Mapped[str | None] = mapped_column(Text)
    """The provider's name for the accepted request (SendGrid's X-Message-Id)."""
    tracking: Mapped[Tracking | None] = mapped_column(EnumText(Tracking))
    """The provider's tracking in all requests for this batch, as the transport read it from their bodies; None before
    the first. While a request is under way, what is to be read if no answer is ever recorded."""
    resent_attempt: Mapped[int | None]
    """The last attempt that was in doubt and sent again: an event of it proves that its readers were mailed twice."""
    mailed_twice: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether an event proved that its readers were mailed twice."""
    attempted_at: Mapped[datetime | None]
    """The start of the last attempt: where to look in the provider's activity feed."""
    note: Mapped[str | None] = mapped_column(Text)
    """The last thing that went wrong, in words."""
    pausing_answers: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """The answers about us that paused the digest, by the number of the subscriber to whom each was given."""
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    outcomes: Mapped[bytes] = mapped_column(LargeBinary)
    """One byte for each recipient, see `mail.outcomes`. Before `recipients`, so that reading it alone is cheap."""
    recipients: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Subscriber ids in rising order, 8 bytes each, little-endian."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    edition: Mapped[Edition] = relationship()


class ClockTick(Base):
    """One row that counts the clock's ticks. A witness outside the database keeps the count too, so that a restored
    backup is recognised (see `delivery.ledger.restore_guard`)."""

    __tablename__ = "clock_ticks"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    known_batch: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The witness's highest batch when a restored backup was last recognised: that one is dealt with."""
    ticked_at: Mapped[datetime]


_MAILBOX = text("about = 'mailbox'")


class Refusal(Base):
    """The reason why one recipient of a digest was refused: rare enough for a row of its own."""

    __tablename__ = "refusals"
    __table_args__ = (
        UniqueConstraint("digest_id", "subscriber_id"),
        one_of("about", FailureKind),
        dialect_index("ix_refusals_mailbox", "subscriber_id", sqlite_where=_MAILBOX, postgresql_where=_MAILBOX),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[DigestId] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    subscriber_id: Mapped[SubscriberId] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(Text)
    """The provider's answer, redacted."""
    temporary: Mapped[bool]
    """True when another attempt could help: a retry sends to exactly these."""
    about: Mapped[FailureKind] = mapped_column(
        EnumText(FailureKind), default=FailureKind.MOMENT, server_default=FailureKind.MOMENT
    )
    """The subject of the refusal: only MAILBOX says that the reader's mailbox is not there."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
