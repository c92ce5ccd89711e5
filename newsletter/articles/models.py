"""Articles and their revisions.

An article is a slug and its history. Readers always see a revision: on the site the newest, in a digest the one that
the editor put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.core import clock
from newsletter.core.db import Base, Id
from newsletter.core.languages import PUBLICATION_LANGUAGE


@dataclass(frozen=True)
class Source:
    """One source of an article. `publisher` is empty where the saved page does not tell it apart from the title."""

    publisher: str
    title: str
    url: str
    raw: str
    """The line as the page has it."""


class Article(Base):
    """A curated article; its identity is the slug."""

    __tablename__ = "articles"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    revisions: Mapped[list[Revision]] = relationship(
        back_populates="article", order_by="Revision.number", cascade="all, delete-orphan"
    )

    @property
    def current(self) -> Revision:
        """The newest revision; an article always has one."""
        return self.revisions[-1]


def _current_index(name: str, *columns: str) -> Index:
    """An index over newest revisions. SQLite uses it for the very words that SQLAlchemy writes for a true column."""
    return Index(name, *columns, sqlite_where=text("is_current = 1"), postgresql_where=text("is_current"))


class Revision(Base):
    """One saved state of an article, public for good."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("article_id", "number"),
        CheckConstraint("trust BETWEEN 0 AND 100", name="trust"),
        Index(
            "ix_revisions_current",
            "article_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
        _current_index("ix_revisions_list", "date", "article_id"),
        _current_index("ix_revisions_digest", "date", "trust", "article_id"),
        _current_index("ix_revisions_section", "section", "date", "article_id"),
        # A hash: a title may be longer than a key of PostgreSQL's trees.
        Index("ix_revisions_title", "title", postgresql_using="hash"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    number: Mapped[int]
    """1 for the first state, then counted up."""
    is_current: Mapped[bool]
    """True for the newest revision of its article alone."""
    language: Mapped[str] = mapped_column(Text, default=PUBLICATION_LANGUAGE, server_default=PUBLICATION_LANGUAGE)
    """Of its texts, as a canonical BCP 47 tag (`core.language_tags`). The section's name is in the publication's."""
    section: Mapped[str] = mapped_column(Text)
    date: Mapped[date]
    title: Mapped[str] = mapped_column(Text)
    dek: Mapped[str] = mapped_column(Text)
    trust: Mapped[int]
    """0 to 100."""
    hype: Mapped[str] = mapped_column(Text)
    """One of the HYPE_LABELS."""
    source_count: Mapped[int]
    """The N of "N sources · cross-referenced", as the page says it."""
    sources_json: Mapped[list[dict[str, str]]] = mapped_column("sources", JSON)
    bullets: Mapped[list[str]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
    """Paragraphs, with an empty line between two of them."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    article: Mapped[Article] = relationship(back_populates="revisions")

    @property
    def sources(self) -> list[Source]:
        return [Source(**source) for source in self.sources_json]

    @property
    def paragraphs(self) -> list[str]:
        return self.body.split("\n\n") if self.body else []

    @property
    def slug(self) -> str:
        return self.article.slug

    def content(self) -> dict[str, Any]:
        """The fields by which two revisions are the same or not."""
        return {name: getattr(self, name) for name in CONTENT}


CONTENT = (
    *("language", "section", "date", "title", "dek"),
    *("trust", "hype", "source_count", "sources_json", "bullets", "body"),
)
"""The fields that editors write."""
