"""A subscriber: a reader's address and choices, and nothing else about the person. And who must not be mailed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock, tokens
from newsletter.core.db import Base, Id


class Status(StrEnum):
    """pending → active → left; bounced and complained end it too."""

    PENDING = "pending"
    ACTIVE = "active"
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Cadence(StrEnum):
    """How often a reader wants a letter; a digest has a cadence too, and goes to the readers who chose it."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Subscriber(Base):
    """A reader. `address` is what is written to, `address_key` the identity (see `subscribers.addresses`)."""

    __tablename__ = "subscribers"
    __table_args__ = (
        CheckConstraint("min_trust BETWEEN 0 AND 100", name="min_trust"),
        Index("ix_subscribers_audience", "status", "cadence"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str] = mapped_column(Text, unique=True)
    status: Mapped[str] = mapped_column(Text, default=Status.PENDING)
    token: Mapped[str] = mapped_column(Text, unique=True, default=tokens.random_token)
    """Opens the reader's own pages from any mail; never signed, so it outlives SECRET_KEY."""
    cadence: Mapped[str] = mapped_column(Text, default=Cadence.WEEKLY)
    sections: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """Sorted names of the sections that the reader wants; None means all, future ones included."""
    min_trust: Mapped[int] = mapped_column(default=0)
    """The lowest trust score that the reader wants to see, 0 to 100."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    asked_at: Mapped[datetime | None]
    """When a confirmation mail was last asked for: its link proves that the reader still wants the letter then."""
    confirmed_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]


class Reason(StrEnum):
    """Why an address is suppressed."""

    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Suppression(Base):
    """An address that must not be mailed, which cannot be read from it (see `subscribers.suppressions`)."""

    __tablename__ = "suppressions"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """HMAC-SHA256 of the address's key under SUPPRESSION_KEY."""
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    """When what led to it happened last."""
