"""The tables of support. None of them refers to a reader, and no reader's row refers to them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core.db import IS_PUBLIC, Base, EnumText, Id, dialect_index, one_of
from newsletter.support.money import Money, of_minor_units


class SupportKind(StrEnum):
    """The kinds of payments at Ko-fi. A type that is not known yet is kept as `OTHER`."""

    DONATION = "donation"
    SUBSCRIPTION = "subscription"
    COMMISSION = "commission"
    SHOP_ORDER = "shop_order"
    OTHER = "other"


class RefusalReason(StrEnum):
    """The reasons why a post to the webhook was refused."""

    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    FORGED = "forged"
    """Its verification token is not ours."""
    AMOUNT = "amount"


class _MoneyColumns:
    """The columns of an amount."""

    currency: Mapped[str] = mapped_column(Text)
    exponent: Mapped[int]
    """The digits after the point that the currency had at that time."""
    minor_units: Mapped[int] = mapped_column(BigInteger)

    @property
    def money(self) -> Money:
        """The amount."""
        return of_minor_units(self.minor_units, self.currency, self.exponent)


class SupportPayment(_MoneyColumns, Base):
    """One payment. Of a private one nothing is kept but day, kind, amount, currency, and the two hashes."""

    __tablename__ = "support_payments"
    __table_args__ = (
        one_of("kind", SupportKind),
        CheckConstraint("minor_units >= 0", name="minor_units"),
        CheckConstraint("is_public OR (name IS NULL AND words IS NULL AND hidden_at IS NULL)", name="private"),
        Index("ix_support_payments_day", "day", "currency"),
        dialect_index(
            "ix_support_payments_words",
            "day",
            "id",
            sqlite_where=text("words IS NOT NULL"),
            postgresql_where=text("words IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True, "info": IS_PUBLIC},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    message_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """Keyed hash of Ko-fi's message_id: a repeat has the same."""
    transaction_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    """Keyed hash of kofi_transaction_id, where there is one."""
    day: Mapped[date]
    """In the publication's zone."""
    kind: Mapped[SupportKind] = mapped_column(EnumText(SupportKind))
    is_public: Mapped[bool]
    """Whether the supporter said so at Ko-fi."""
    name: Mapped[str | None] = mapped_column(Text)
    words: Mapped[str | None] = mapped_column(Text)
    """The supporter's message as it was written."""
    hidden_at: Mapped[datetime | None]
    """When an editor hid name and words."""


class SupportGoal(_MoneyColumns, Base):
    """The goal of each month from this one on, until there is a later row; 0 for none."""

    __tablename__ = "support_goals"
    __table_args__ = {"info": IS_PUBLIC}  # noqa: RUF012

    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day."""


class SupportCost(_MoneyColumns, Base):
    """A cost of each month from this one on, until there is a later row of that name; 0 for none."""

    __tablename__ = "support_costs"
    __table_args__ = (UniqueConstraint("name", "month"), {"info": IS_PUBLIC})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    """The words of the public page."""
    month: Mapped[date]
    """Its first day."""


class RefusedPost(Base):
    """A count of posts to the webhook that were refused on a day for a reason; nothing of what they held."""

    __tablename__ = "support_refused_posts"
    __table_args__ = (one_of("reason", RefusalReason),)

    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[RefusalReason] = mapped_column(EnumText(RefusalReason), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
