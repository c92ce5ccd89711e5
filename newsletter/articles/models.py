"""Articles and their revisions, and the rubrics that scores of trust were given under.

An article is a slug and its history. Readers always see a revision: on the site the newest, in a digest the one that
the editor put there. A withdrawn article is one whose newest revision is a withdrawal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.core import clock
from newsletter.core.db import IS_PUBLIC, Base, EnumText, Id, dialect_index, one_of
from newsletter.core.languages import PUBLICATION_LANGUAGE


class RevisionKind(StrEnum):
    """The reason for a revision, as readers are told."""

    FIRST = "first"
    SMALL = "small"
    """A small change, of which nobody need hear."""
    UPDATE = "update"
    """Something new."""
    CORRECTION = "correction"
    """A mistake was put right."""
    WITHDRAWAL = "withdrawal"
    """The article does not stand any more. The revision has the content of the one before."""


SAID = (RevisionKind.UPDATE, RevisionKind.CORRECTION, RevisionKind.WITHDRAWAL)
"""The kinds that carry a sentence for readers."""

CORRECTING = (RevisionKind.CORRECTION, RevisionKind.WITHDRAWAL)
"""The kinds that say that something was wrong, so they can be serious."""


class PublishedBasis(StrEnum):
    """The origin of the time at which a revision was published."""

    PAGE_DATE = "page_date"
    """The date on the page: a day alone, so its time is 00:00 UTC."""
    GIVEN = "given"
    """An editor gave it."""
    IMPORT = "import"
    """The time of the import that brought it in."""


class Markup(StrEnum):
    """How the body and the points of TL;DR are written."""

    TEXT = "text"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Source:
    """One source of an article. `publisher` is empty where the saved page does not tell it apart from the title."""

    publisher: str
    title: str
    url: str
    raw: str
    """The line as the page has it."""


@dataclass(frozen=True)
class TrustPart:
    """The points that a score got for a part of the rubric."""

    key: str
    points: int


class Article(Base):
    """A curated article; its identity is the slug."""

    __tablename__ = "articles"
    __table_args__ = {"sqlite_autoincrement": True, "info": IS_PUBLIC}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    url: Mapped[str | None] = mapped_column(Text)
    """The address where it can be read, if that is elsewhere."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    revisions: Mapped[list[Revision]] = relationship(
        back_populates="article", order_by="Revision.number", cascade="all, delete-orphan"
    )

    @property
    def current(self) -> Revision:
        """The newest revision; an article always has one."""
        return self.revisions[-1]


class Rubric(Base):
    """The published parts of the trust score, in force from a day on until the next one is."""

    __tablename__ = "rubrics"
    __table_args__ = {"sqlite_autoincrement": True, "info": IS_PUBLIC}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    """Its number, which readers see."""
    effective_from: Mapped[date] = mapped_column(unique=True)
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """As `rubrics.RubricPart.to_json` writes them."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def _words(values: tuple[StrEnum, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _current_index(name: str, *columns: str, only: str = "") -> Index:
    """An index over newest revisions, or those of them for which the column `only` is true; for SQLite the condition
    is written as SQLAlchemy writes a true column."""
    conditions = ["is_current", only] if only else ["is_current"]
    for_sqlite = text(" AND ".join(f"{name} = 1" for name in conditions))
    return dialect_index(name, *columns, sqlite_where=for_sqlite, postgresql_where=text(" AND ".join(conditions)))


class Revision(Base):
    """One saved state of an article, public for good."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("article_id", "number"),
        CheckConstraint("trust BETWEEN 0 AND 100", name="trust"),
        one_of("kind", RevisionKind),
        one_of("published_at_basis", PublishedBasis),
        one_of("markup", Markup),
        CheckConstraint("(number = 1) = (kind = 'first')", name="first"),
        CheckConstraint(f"(note IS NOT NULL) = (kind IN ({_words(SAID)}))", name="note"),
        CheckConstraint(f"NOT serious OR kind IN ({_words(CORRECTING)})", name="serious"),
        dialect_index(
            "ix_revisions_current",
            "article_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
        # With what the desk filters by, so that a rare filter reads the index alone.
        _current_index("ix_revisions_list", "date", "article_id", "trust", "hype", "kind"),
        _current_index("ix_revisions_corrected", "date", "article_id", "kind", only="was_corrected"),
        _current_index("ix_revisions_digest", "date", "trust", "article_id"),
        _current_index("ix_revisions_hype", "hype", "date", "article_id"),
        _current_index("ix_revisions_section", "section", "date", "article_id"),
        dialect_index(
            "ix_revisions_corrections",
            "published_at",
            "id",
            sqlite_where=text(f"kind IN ({_words(CORRECTING)})"),
            postgresql_where=text(f"kind IN ({_words(CORRECTING)})"),
        ),
        _current_index("ix_revisions_rubric", "rubric_id", "date", "article_id"),
        # A hash: a title may be longer than a key of PostgreSQL's trees.
        dialect_index("ix_revisions_title", "title", postgresql_using="hash"),
        {"sqlite_autoincrement": True, "info": IS_PUBLIC},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    number: Mapped[int]
    """1 for the first state, then counted up."""
    is_current: Mapped[bool]
    """True for the newest revision of its article alone."""
    kind: Mapped[RevisionKind] = mapped_column(EnumText(RevisionKind))
    was_corrected: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether this revision or an earlier one of the article is one of CORRECTING: lists ask it of the newest."""
    note: Mapped[str | None] = mapped_column(Text)
    """The sentence for readers of an update, a correction or a withdrawal."""
    serious: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether readers who were sent the mistake should hear of it at once."""
    reported_at: Mapped[datetime | None]
    """The time at which the mistake was reported, where known."""
    published_at: Mapped[datetime] = mapped_column(default=clock.now)
    published_at_basis: Mapped[PublishedBasis] = mapped_column(EnumText(PublishedBasis))
    written_by: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    checked_by: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    ai_use: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """The work that AI was used for, in words for readers."""
    markup: Mapped[Markup] = mapped_column(EnumText(Markup), default=Markup.TEXT, server_default=Markup.TEXT)
    """Of `bullets` and `body`; all other fields are plain text."""
    language: Mapped[str] = mapped_column(Text, default=PUBLICATION_LANGUAGE, server_default=PUBLICATION_LANGUAGE)
    """Of its texts, as a canonical BCP 47 tag (`core.language_tags`). The section's name is in the publication's."""
    section: Mapped[str] = mapped_column(Text)
    date: Mapped[date]
    title: Mapped[str] = mapped_column(Text)
    dek: Mapped[str] = mapped_column(Text)
    trust: Mapped[int]
    """0 to 100."""
    trust_parts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """The parts of the score as `TrustPart`s, where they were given: their points sum to the score."""
    rubric_id: Mapped[int | None] = mapped_column(ForeignKey("rubrics.id"))
    """The rubric that the parts were given under."""
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
    rubric: Mapped[Rubric | None] = relationship()

    @property
    def is_withdrawal(self) -> bool:
        return self.kind == RevisionKind.WITHDRAWAL

    @property
    def sources(self) -> list[Source]:
        return [Source(**source) for source in self.sources_json]

    @property
    def paragraphs(self) -> list[str]:
        return self.body.split("\n\n") if self.body else []

    @property
    def slug(self) -> str:
        return self.article.slug

    @property
    def url(self) -> str | None:
        """The address where the article can be read, if that is elsewhere."""
        return self.article.url

    def content(self) -> dict[str, Any]:
        """The fields by which two revisions are the same or not."""
        return {name: getattr(self, name) for name in CONTENT}


CONTENT = (
    *("language", "section", "date", "title", "dek", "written_by", "checked_by", "ai_use"),
    *("trust", "trust_parts", "hype", "source_count", "sources_json", "markup", "bullets", "body"),
)
"""The fields that editors write."""


def published_on(revision: Revision, zone: ZoneInfo) -> date:
    """The day on which a revision was published: as its page says it, or as it was in `zone`."""
    is_day = revision.published_at_basis == PublishedBasis.PAGE_DATE
    return revision.published_at.astimezone(UTC if is_day else zone).date()
