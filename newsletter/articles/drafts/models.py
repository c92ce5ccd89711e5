"""The table of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.articles.drafts.content import DraftContent
from newsletter.core import clock
from newsletter.core.db import Base, Id


class ArticleDraft(Base):
    """A draft. `articles.drafts.saving` alone writes it; publishing and discarding delete the row."""

    __tablename__ = "article_drafts"
    __table_args__ = (Index("ix_article_drafts_saved", "saved_at", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), unique=True)
    """The published article that it changes; None for a new story."""
    base_number: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """The revision that it was begun from; 0 for a new story."""
    is_page: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it was read from a saved page: then the story was published on the day that the page says."""
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Raised by each save. A save that was made from an older version is refused."""
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The content as it was entered and as `DraftContent.to_json` writes it."""
    title: Mapped[str] = mapped_column(Text)
    """The headline once more, for lists."""
    begun_by: Mapped[int] = mapped_column(ForeignKey("staff_members.id"))
    begun_with: Mapped[str] = mapped_column(Text, unique=True)
    """The key of the form that began it: sent again after a lost answer, it begins no second draft."""
    begun_at: Mapped[datetime] = mapped_column(default=clock.now)
    saved_by: Mapped[int] = mapped_column(ForeignKey("staff_members.id"))
    saved_with: Mapped[str] = mapped_column(Text)
    """The key of the form that saved it last."""
    saved_at: Mapped[datetime] = mapped_column(default=clock.now)

    @property
    def content(self) -> DraftContent:
        """The content as it was entered."""
        return DraftContent.from_json(self.fields)
