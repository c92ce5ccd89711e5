"""The tables of digests: what editors compose and schedule."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.db import Base, EnumText, Id, one_of


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


MOST_ARTICLES = 60
"""An edition is a bit mask over the articles in a signed 64-bit column."""


class Digest(Base):
    """One issue for the readers of a cadence: a subject, an introduction, articles in order, each at a revision.

    `digests.lifecycle` alone writes the status, the version, and the columns that go with the states.
    """

    __tablename__ = "digests"
    __table_args__ = (
        one_of("cadence", Cadence),
        one_of("status", DigestStatus),
        one_of("paused_reason", PausedReason),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    cadence: Mapped[Cadence] = mapped_column(EnumText(Cadence))
    status: Mapped[DigestStatus] = mapped_column(EnumText(DigestStatus), default=DigestStatus.DRAFT, index=True)
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Raised by every change; a decision that was made about an older version is refused."""
    paused_reason: Mapped[PausedReason | None] = mapped_column(EnumText(PausedReason))
    paused_note: Mapped[str | None] = mapped_column(Text)
    """The reason in a sentence for an editor, when it is an error."""
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text, default="")
    intro: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    scheduled_at: Mapped[datetime | None]
    provider_schedule: Mapped[bool] = mapped_column(default=False)
    """SendGrid gets the mails ahead of their time and keeps them until then; no batch in doubt needs an editor."""
    frozen_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    items: Mapped[list[DigestArticle]] = relationship(order_by="DigestArticle.position", cascade="all, delete-orphan")

    @property
    def revisions(self) -> list[Revision]:
        """The articles in their order, each at the revision that the digest took."""
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
