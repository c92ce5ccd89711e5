"""The outgoing table: transactional mails that wait for a worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock
from newsletter.core.db import Base, Id


class OutgoingMail(Base):
    """A transactional mail that waits to be composed and sent.

    The row is added in the transaction that decides on the mail, and deleted when the mail is accepted. It holds what
    the mail is about; a worker composes the mail just before it sends it.
    """

    __tablename__ = "outgoing_mail"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """The kind of its mail type (`mail.mail_types`), e.g. "confirmation"."""
    subscriber_id: Mapped[int | None] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), index=True)
    """The subscriber that it is about; None for a mail that outlives its subscriber, or is about none."""
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The plain data of the payload."""
    attempt: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(index=True)
    """No worker claims it earlier."""
    lease_until: Mapped[float | None] = mapped_column(Double)
    """Seconds since 1970 by the database's time; set while a worker has a claim."""
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
