"""A subscriber: a reader's address and preferences, and nothing else about the person. What they agreed to, and who is not
to be mailed.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock, tokens
from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.db import Base, EnumText, Id, one_of
from newsletter.mail.formats import Format


class SubscriberStatus(StrEnum):
    """pending → active → unsubscribed; bounced and complained end it too."""

    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class SuppressionReason(StrEnum):
    """Why an address is suppressed."""

    UNSUBSCRIBED = "unsubscribed"
    ERASED = "erased"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class UnsubscribeReason(StrEnum):
    """Why a reader unsubscribed, if they choose to say it. The words are fixed: free text would be personal."""

    OFTEN = "often"
    CONTENT = "content"
    TRUST = "trust"
    OTHER = "other"


class LinkPurpose(StrEnum):
    """The purpose of a one-time link: templates/mail/transactional/<purpose>_link.txt is its mail, /<purpose>/<token>
    its page.
    """

    DATA = "data"
    ADDRESS = "address"


class Subscriber(Base):
    """A reader. `address` is what is written to, `address_key` the identity (see `subscribers.addresses`)."""

    __tablename__ = "subscribers"
    __table_args__ = (
        CheckConstraint("min_trust BETWEEN 0 AND 100", name="min_trust"),
        one_of("status", SubscriberStatus),
        one_of("cadence", READER_CADENCES),
        one_of("format", Format),
        one_of("unsubscribe_reason", UnsubscribeReason),
        Index("ix_subscribers_audience", "status", "cadence"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str] = mapped_column(Text, unique=True)
    status: Mapped[SubscriberStatus] = mapped_column(EnumText(SubscriberStatus), default=SubscriberStatus.PENDING)
    token: Mapped[str] = mapped_column(Text, unique=True, default=tokens.random_token)
    """Opens the reader's own pages from any mail; never signed, so it outlives SECRET_KEY."""
    cadence: Mapped[Cadence] = mapped_column(EnumText(Cadence), default=Cadence.WEEKLY)
    sections: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """Sorted names of the sections that the reader wants; None means all, future ones included."""
    min_trust: Mapped[int] = mapped_column(default=0)
    """The lowest trust score that the reader wants to see, 0 to 100."""
    max_hype: Mapped[str | None] = mapped_column(Text)
    """The highest hype label that the reader wants to see; None means any."""
    breaking: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether breaking news comes out of turn too."""
    hour: Mapped[int | None]
    """The hour of the day in `zone` at which letters come, 0 to 23; None means with the digest."""
    zone: Mapped[str | None] = mapped_column(Text)
    """An IANA time zone, chosen by the reader and never guessed by the IP address."""
    format: Mapped[Format] = mapped_column(EnumText(Format), default=Format.HTML, server_default=text("'html'"))
    language: Mapped[str] = mapped_column(Text, default="en", server_default=text("'en'"))
    """Of the mails' frame; stories are in the language that they are written in."""
    paused_until: Mapped[date | None]
    """No letter comes before this day, in the publication's zone."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    confirmation_sent_at: Mapped[datetime | None]
    """When a sign-up last brought a mail: a confirmation's link proves that the reader still wants the letter then."""
    confirmations_sent: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many such mails came in a row: the pause before the next one doubles with each."""
    confirmed_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    unsubscribe_reason: Mapped[UnsubscribeReason | None] = mapped_column(EnumText(UnsubscribeReason))
    """Why the reader left, if they chose to say it: one of `subscribers.account.unsubscribing`'s fixed words."""


class SignupRequest(Base):
    """What somebody typed into a sign-up form. The door writes just this row, whoever's address it is; a worker decides
    what comes of it and deletes the row.
    """

    __tablename__ = "signup_requests"
    __table_args__ = (Index("ix_signup_requests_turn", "rank", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str] = mapped_column(Text, index=True)
    preferences: Mapped[dict[str, object]] = mapped_column(JSON)
    """The columns of `Choices`."""
    page: Mapped[str] = mapped_column(Text)
    """Where it was asked for: a path of ours."""
    wording: Mapped[str] = mapped_column(Text)
    """The sentence that stood beside the button."""
    rank: Mapped[int] = mapped_column(default=1)
    """Which sign-up of its network this is in a while: those of a network that sends many wait for the others."""
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)


class Consent(Base):
    """Evidence that a reader agreed: to which words, where, and when."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), index=True)
    wording: Mapped[str] = mapped_column(Text)
    page: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class AddressChange(Base):
    """A new address that its owner has not confirmed yet, or the old one of a reader who has just moved; one for each
    reader, the last.
    """

    __tablename__ = "address_changes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), unique=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    requests: Mapped[int] = mapped_column(default=1)
    """Mails in a row to new addresses: each makes the pause before the next one longer."""
    changed_at: Mapped[datetime | None]
    """When the reader moved away from this address; None: it is a new one, and its owner has been asked."""


class OneTimeLink(Base):
    """When a reader last asked for a fresh link of a kind (see `subscribers.account.one_time_links`)."""

    __tablename__ = "one_time_links"
    __table_args__ = (one_of("purpose", LinkPurpose),)

    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(EnumText(LinkPurpose), primary_key=True)
    requested_at: Mapped[datetime]
    requests: Mapped[int] = mapped_column(default=1)
    """Such mails in a row."""


class Suppression(Base):
    """An address that must not be mailed, which cannot be read from it (see `subscribers.suppression.suppressions`)."""

    __tablename__ = "suppressions"
    __table_args__ = (one_of("reason", SuppressionReason),)

    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """HMAC-SHA256 of the address's key under SUPPRESSION_KEY."""
    reason: Mapped[SuppressionReason] = mapped_column(EnumText(SuppressionReason))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    """When what led to it happened last."""


class Unsuppression(Base):
    """That an operator lifted a suppression, when, and why. It stays until the reader is erased."""

    __tablename__ = "unsuppressions"
    __table_args__ = (one_of("reason", SuppressionReason),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    reason: Mapped[SuppressionReason] = mapped_column(EnumText(SuppressionReason))
    """Why the address had been suppressed."""
    why: Mapped[str] = mapped_column(Text)
    """The operator's words."""
    unsuppressed_at: Mapped[datetime] = mapped_column(default=clock.now)


class ImportProgress(Base):
    """How far the import of a file is done; there until it is done whole. See `subscribers.files.file_import.Done`."""

    __tablename__ = "import_progress"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    file_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    row: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    imported: Mapped[int] = mapped_column(BigInteger)
    unchanged: Mapped[int] = mapped_column(BigInteger)
    suppressed: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    result_size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the result file that belong to it."""
    updated_at: Mapped[datetime]
