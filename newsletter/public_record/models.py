"""The tables of the public record. They hold sums alone, so that no page counts readers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock
from newsletter.core.db import Base


class DigestTally(Base):
    """The figures of a digest that was frozen, counted anew while they can change (`public_record.tallies`)."""

    __tablename__ = "digest_tallies"

    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date]
    """Of its time, in the publication's zone."""
    recipients: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    in_doubt: Mapped[int] = mapped_column(BigInteger)
    requests: Mapped[int] = mapped_column(BigInteger)
    """Batches with a request that was sent, or may have been, of which the tracking was recorded."""
    tracking_off: Mapped[int] = mapped_column(BigInteger)
    """Of those, the ones whose requests all switched the provider's tracking off."""
    tracking_not_offered: Mapped[int] = mapped_column(BigInteger)
    """… and the ones that were handed over as finished messages."""
    edition_id: Mapped[int | None] = mapped_column(BigInteger)
    """The commonest edition; None while no mail is accepted."""
    edition_readers: Mapped[int] = mapped_column(BigInteger)
    """Its accepted mails."""
    edition_copy: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Its public copy (`mail.public_copy`), compressed. It is made once, near the sending, and stays."""
    tallied_at: Mapped[datetime] = mapped_column(default=clock.now)


class MonthlyFigures(Base):
    """The figures of a month that are about readers, kept while they are counted and for good after it."""

    __tablename__ = "monthly_figures"

    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day."""
    readers: Mapped[int | None] = mapped_column(BigInteger)
    """Active ones when it was last counted; None for months before anybody counted."""
    bounced: Mapped[int] = mapped_column(BigInteger)
    complained: Mapped[int] = mapped_column(BigInteger)
    unsubscribed: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(default=clock.now)
