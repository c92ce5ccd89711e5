"""The outgoing table: single mails that a transaction decided on and a worker sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock
from newsletter.core.db import Base, Id


class OutgoingMail(Base):
    """A single mail to be written and sent: written in the transaction that decides on it, gone when it is accepted.

    The row says what the mail is about; the composer of its kind writes it when a worker sends it.
    """

    __tablename__ = "outgoing_mail"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """Names the composer, e.g. "confirmation"."""
    subscriber_id: Mapped[int | None] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), index=True)
    """The reader whom it is about; None for a mail that outlives its reader, or is not to one."""
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What else the composer needs: plain data."""
    attempt: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(index=True)
    """Not to be claimed earlier: a deferral."""
    lease_until: Mapped[float | None] = mapped_column(Double)
    """Seconds since 1970 by the database's time; set while a worker has it."""
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
