"""The tables of events: webhook deliveries until they are processed, events about readers, proofs of acceptance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock
from newsletter.core.db import Base, EnumText, Id, dialect_index, one_of
from newsletter.delivery.events.event_kinds import EventKind

_OPEN = text("payload IS NOT NULL")


class WebhookDelivery(Base):
    """One post of a provider, reduced to what is needed: no address, no IP address, no user agent.

    A processed delivery loses its payload. Its hash stays for a day, so that a replay is recognised.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        dialect_index("ix_webhook_deliveries_open", "attempt", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the body as it came."""
    received_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """{"acceptances": […], "events": […]}: lists of the values of `Acceptance` and of `ReaderEvent`."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Times that processing failed."""
    not_before: Mapped[datetime | None]


class Event(Base):
    """A report about a reader: one row for each dedupe_key, however often it is reported."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "kind", "dedupe_key"),
        Index("ix_events_digest", "digest_id"),
        one_of("kind", EventKind),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"))
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(EnumText(EventKind))
    dedupe_key: Mapped[str] = mapped_column(Text)
    """ "digest 17", or the time where no digest is known. SendGrid's sg_event_id would not do: it can differ for one
    and the same event that is posted again (sendgrid-nodejs #1435)."""
    reason: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    """When an operator said that this report is wrong: since then it counts for nothing."""


class StoredReport(Base):
    """The report behind an event as it came, for a while. `delivery.events.stored_reports` writes and reads it."""

    __tablename__ = "stored_reports"
    __table_args__ = (UniqueConstraint("subscriber_id", "kind", "dedupe_key"), one_of("kind", EventKind))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(EnumText(EventKind))
    dedupe_key: Mapped[str] = mapped_column(Text)
    """With the two columns before it, the key of the event."""
    received_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Compressed and encrypted: reports hold addresses."""


class AcceptanceProof(Base):
    """An event proved that a provider accepted this attempt, while the provider's own answer was still awaited."""

    __tablename__ = "acceptance_proofs"

    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
