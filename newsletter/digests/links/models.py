"""The table of link checks: the results of probing, and their times."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core.db import Base, EnumText, Id, dialect_index, one_of
from newsletter.core.fetching import FetchFailure


class LinkVerdict(StrEnum):
    """The verdict on a link."""

    WORKS = "works"
    BROKEN = "broken"
    """Readers would see an error."""
    UNKNOWN = "unknown"
    """It could not be checked: the server turns programs away, or was too slow."""


_WANTED = text("wanted_at IS NOT NULL")


class LinkCheck(Base):
    """The last check of one address. `digests.links.stored_checks` alone writes it."""

    __tablename__ = "link_checks"
    __table_args__ = (
        one_of("verdict", LinkVerdict),
        one_of("failure", FetchFailure),
        CheckConstraint("(verdict IS NULL) = (checked_at IS NULL)", name="checked"),
        CheckConstraint("(verdict IS NULL) = (since IS NULL)", name="since"),
        dialect_index("ix_link_checks_wanted", "wanted_at", "id", sqlite_where=_WANTED, postgresql_where=_WANTED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    url_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the URL, which may be longer than a key of PostgreSQL's trees."""
    url: Mapped[str] = mapped_column(Text)
    wanted_at: Mapped[datetime | None]
    """When somebody wanted it to be probed; None: nobody waits for it."""
    claimed_until: Mapped[datetime | None]
    """Until then a worker is probing it."""
    checked_at: Mapped[datetime | None]
    verdict: Mapped[LinkVerdict | None] = mapped_column(EnumText(LinkVerdict))
    since: Mapped[datetime | None]
    """The time of the first result with this verdict, without another verdict since."""
    status: Mapped[int | None]
    """Of the last answer by HTTP."""
    failure: Mapped[FetchFailure | None] = mapped_column(EnumText(FetchFailure))
    """The reason, where no answer came."""
