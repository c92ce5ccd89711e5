"""The tables of digests: what editors compose and schedule."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.actors import ActorKind
from newsletter.core.cadence import Cadence
from newsletter.core.db import IS_PUBLIC, Base, EnumText, Id, dialect_index, one_of


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


MOST_BITS = 63
"""Articles and corrections of a digest together: an edition is a bit mask over them in a signed 64-bit column."""
MOST_ARTICLES = 60
MOST_CORRECTIONS = 10
"""Corrections that a digest carries at most; the others wait for the next one."""


_FROZEN = text("frozen_at IS NOT NULL")


class Digest(Base):
    """One issue for the readers of a cadence: a subject, an introduction, articles in order, each at a revision.

    One that is a correction holds that alone, for those who were sent the mistake.

    `digests.lifecycle` alone writes the status, the version, and the columns that go with the states.
    """

    __tablename__ = "digests"
    __table_args__ = (
        one_of("cadence", Cadence),
        one_of("status", DigestStatus),
        one_of("paused_reason", PausedReason),
        # With the times, so that the last one that was sent is found without sorting them all.
        Index("ix_digests_status", "status", "sent_at", "id"),
        # Partial, since SQLite would go by it wherever a cadence is named.
        dialect_index(
            "ix_digests_frozen", "cadence", "frozen_at", "id", sqlite_where=_FROZEN, postgresql_where=_FROZEN
        ),
        Index("ix_digests_letters", "letter_since", "id", "letter_name"),
        Index("uq_digests_letter_name", "letter_name", unique=True),
        {"sqlite_autoincrement": True, "info": IS_PUBLIC},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    cadence: Mapped[Cadence] = mapped_column(EnumText(Cadence))
    status: Mapped[DigestStatus] = mapped_column(EnumText(DigestStatus), default=DigestStatus.DRAFT)
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Raised by every change; a decision that was made about an older version is refused."""
    paused_reason: Mapped[PausedReason | None] = mapped_column(EnumText(PausedReason))
    paused_note: Mapped[str | None] = mapped_column(Text)
    """The reason in a sentence for an editor, when it is an error."""
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text, default="")
    intro: Mapped[str] = mapped_column(Text, default="")
    """Markdown."""
    intro_with_lead: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Only editions with the lead have the intro."""
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id"))
    """The article that an editor named as the lead; None: the first one."""
    min_trust: Mapped[int] = mapped_column(default=0, server_default="0")
    """The lowest trust score of the rule that composed it. An article below it is never the lead."""
    written_for: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True), default=dict)
    """For each text of an editor's by its name, the revision that was the lead when it was written, where known."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    scheduled_at: Mapped[datetime | None]
    provider_schedule: Mapped[bool] = mapped_column(default=False)
    """SendGrid gets the mails ahead of their time and keeps them until then; no batch in doubt needs an editor."""
    frozen_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    letter_name: Mapped[str | None] = mapped_column(Text)
    """The end of its permanent address (`digests.letter_names`); set by the freeze, and never changed."""
    letter_since: Mapped[datetime | None]
    """Its time, once a mail was accepted: since then it stands in the list of letters."""
    items: Mapped[list[DigestArticle]] = relationship(order_by="DigestArticle.position", cascade="all, delete-orphan")
    carried: Mapped[list[DigestCorrection]] = relationship(
        order_by="DigestCorrection.bit", cascade="all, delete-orphan"
    )
    """The corrections that go along, chosen at the freeze. A digest that is a correction has its one from the start."""

    @property
    def revisions(self) -> list[Revision]:
        """The articles in their order, each at the revision that the digest took."""
        return [item.revision for item in self.items]

    @property
    def corrections(self) -> list[Revision]:
        """The corrections that it carries, in the order of their bits; none before they are chosen."""
        if self.frozen_at is None and self.cadence != Cadence.CORRECTION:
            return []
        return [each.revision for each in self.carried]

    @property
    def most_corrections(self) -> int:
        """The corrections that fit beside its articles."""
        return min(MOST_CORRECTIONS, MOST_BITS - len(self.items))

    @property
    def deks(self) -> list[str]:
        """The dek of each article in this digest: one for it alone, or else the article's."""
        return [item.own_dek or item.revision.dek for item in self.items]

    @property
    def lead_position(self) -> int | None:
        """The position of the lead: the named article, else the first. None when no article has the digest's trust."""
        trusted = [position for position, each in enumerate(self.revisions) if each.trust >= self.min_trust]
        named = [position for position in trusted if self.revisions[position].article_id == self.lead_id]
        return next(iter(named or trusted), None)

    @property
    def lead(self) -> Revision | None:
        """The revision at the lead's position."""
        position = self.lead_position
        return None if position is None else self.revisions[position]

    @property
    def lead_is_named(self) -> bool:
        """Whether the lead is the article that an editor named."""
        return self.lead is not None and self.lead.article_id == self.lead_id


class DigestArticle(Base):
    """A place in a digest."""

    __tablename__ = "digest_articles"
    __table_args__ = (
        UniqueConstraint("digest_id", "position"),
        UniqueConstraint("revision_id", "digest_id"),
        Index("ix_digest_articles_article", "article_id", "digest_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    position: Mapped[int]
    """0 for the first."""
    revision_id: Mapped[int] = mapped_column(ForeignKey("revisions.id"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    """The revision's: it is set with `revision`, and finds an article's digests without its revisions."""
    own_dek: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """The dek for this digest alone; empty where it has the article's."""
    revision: Mapped[Revision] = relationship(
        lazy="joined",
        primaryjoin="and_(DigestArticle.revision_id == Revision.id, DigestArticle.article_id == Revision.article_id)",
        foreign_keys="[DigestArticle.revision_id, DigestArticle.article_id]",
    )


class DigestCorrection(Base):
    """A correction that a digest carries. The outcomes in the ledger say who was told of it."""

    __tablename__ = "digest_corrections"
    __table_args__ = (
        UniqueConstraint("digest_id", "bit"),
        UniqueConstraint("revision_id", "digest_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    bit: Mapped[int]
    """In the masks of the digest's editions, after those of its articles."""
    revision_id: Mapped[int] = mapped_column(ForeignKey("revisions.id"))
    """The correction or withdrawal."""
    revision: Mapped[Revision] = relationship(lazy="joined")


class ChangeKind(StrEnum):
    """The kinds of changes of a draft."""

    ADDED = "added"
    DROPPED = "dropped"
    PUT_BACK = "put_back"
    MOVED = "moved"
    DEK = "dek"
    REFRESHED = "refreshed"
    CHOSEN = "chosen"
    """By a rule, into an empty draft."""
    TEXTS = "texts"


class DigestChange(Base):
    """A change of a draft, as it can be undone and redone. `digests.changes` alone writes these rows."""

    __tablename__ = "digest_changes"
    __table_args__ = (
        one_of("kind", ChangeKind),
        one_of("by_kind", ActorKind),
        one_of("undone_by_kind", ActorKind),
        Index("ix_digest_changes_version", "digest_id", "digest_version"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id", ondelete="CASCADE"))
    kind: Mapped[ChangeKind] = mapped_column(EnumText(ChangeKind))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The values of the words for the change, such as "slug", "title" and "position"."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The parts of the draft that changed, as they were (`digests.changes`)."""
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest_version: Mapped[int]
    """The digest's, once this was made, undone or made again."""
    by_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    by_id: Mapped[int | None]
    """The number of the person who made it, or made it again."""
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    undone_at: Mapped[datetime | None]
    undone_by_kind: Mapped[ActorKind | None] = mapped_column(EnumText(ActorKind))
    undone_by_id: Mapped[int | None]
