"""A digest: what editors compose and schedule."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.db import Base, Id


class DigestStatus(StrEnum):
    """draft → scheduled → sending ⇄ paused → sent; or cancelled."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


class PausedReason(StrEnum):
    """Why a digest waits for a person."""

    EDITOR = "editor"
    OVERDUE = "overdue"
    ERROR = "error"
    RESTORED = "restored"


BREAKING = "breaking"
"""The cadence of a digest that is sent out of turn, to those who want that."""

MOST_ARTICLES = 60
"""An edition is a bit mask over the articles in a signed 64-bit column."""


class Digest(Base):
    """One letter to the readers of a cadence: a subject, an introduction, articles in order, each at a revision."""

    __tablename__ = "digests"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    cadence: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=DigestStatus.DRAFT, index=True)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    paused_note: Mapped[str | None] = mapped_column(Text)
    """The reason in a sentence for an editor, when it is an error."""
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text, default="")
    intro: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    scheduled_at: Mapped[datetime | None]
    exact: Mapped[bool] = mapped_column(default=False)
    """Handed over to SendGrid ahead of its time, which SendGrid then keeps: no doubt needs an editor."""
    frozen_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    items: Mapped[list[DigestArticle]] = relationship(
        order_by="DigestArticle.position", cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def revisions(self) -> list[Revision]:
        """The articles in the order of the letter, each as it was when it was put there."""
        return [item.revision for item in self.items]


class DigestArticle(Base):
    """A place in a digest."""

    __tablename__ = "digest_articles"
    __table_args__ = (UniqueConstraint("digest_id", "position"), UniqueConstraint("revision_id", "digest_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    position: Mapped[int]
    """0 for the first."""
    revision_id: Mapped[int] = mapped_column(ForeignKey("revisions.id"))
    revision: Mapped[Revision] = relationship(lazy="joined")
