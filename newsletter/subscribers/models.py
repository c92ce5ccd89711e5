"""Subscribers: a reader's address and preferences, and nothing else about the person.

The evidence of their consent and the addresses that must not be mailed are here too.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock, tokens
from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.db import Base, EnumText, Id, dialect_index, one_of
from newsletter.core.ids import AddressKey, KeyHash
from newsletter.mail.formats import Format

_ENDED = text("ended_at IS NOT NULL")


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
    """Why a reader unsubscribed, if they give a reason. The words are fixed: free text would be personal data."""

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


class LinkChange(StrEnum):
    """A change that the links of any letter can make to a subscription, besides ending it."""

    PREFERENCES = "preferences"
    PAUSE = "pause"
    """Set, moved or ended."""
    RETURN = "return"
    """The undo of an unsubscription."""


class Subscriber(Base):
    """A reader. Mail goes to `address`; `address_key` is the identity (see `subscribers.addresses`).

    Only `subscribers.lifecycle` and `subscribers.reported_ends` write the status, `confirmed_at`, `ended_at`,
    `unsubscribed_at` and `unsubscribe_reason`.
    """

    __tablename__ = "subscribers"
    __table_args__ = (
        CheckConstraint("min_trust BETWEEN 0 AND 100", name="min_trust"),
        one_of("status", SubscriberStatus),
        one_of("cadence", READER_CADENCES),
        one_of("format", Format),
        one_of("unsubscribe_reason", UnsubscribeReason),
        Index("ix_subscribers_audience", "status", "cadence"),
        dialect_index("ix_subscribers_ended", "ended_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[AddressKey] = mapped_column(Text, unique=True)
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
    """Whether breaking news is sent as it happens, besides the cadence."""
    hour: Mapped[int | None]
    """The hour of the day in `zone` at which letters come, 0 to 23; None means with the digest."""
    zone: Mapped[str | None] = mapped_column(Text)
    """An IANA time zone, chosen by the reader and never guessed by the IP address."""
    format: Mapped[Format] = mapped_column(EnumText(Format), default=Format.HTML, server_default=text("'html'"))
    language: Mapped[str] = mapped_column(Text, default="en", server_default=text("'en'"))
    """Of the mails' frame; stories stay in the language that they are written in."""
    paused_until: Mapped[date | None]
    """No letter comes before this day, in the publication's zone."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    confirmation_sent_at: Mapped[datetime | None]
    """When a sign-up last led to a mail: a confirmation's link proves that the reader wanted the letter then."""
    confirmations_sent: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Such mails in a row: the pause before the next one doubles with each."""
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When we learned of the end, for whatever reason; None while the subscription has not ended."""
    unsubscribed_at: Mapped[datetime | None]
    unsubscribe_reason: Mapped[UnsubscribeReason | None] = mapped_column(EnumText(UnsubscribeReason))
    change_mail_at: Mapped[datetime | None]
    """When the last mail about a change by a letter's link was due (`subscribers.account.change_mails`)."""


class SignupRequest(Base):
    """A sign-up as somebody entered it. A page writes just this row, whoever has the address. A worker decides what
    comes of it, and deletes the row.
    """

    __tablename__ = "signup_requests"
    __table_args__ = (Index("ix_signup_requests_turn", "rank", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[AddressKey] = mapped_column(Text, index=True)
    preferences: Mapped[dict[str, object]] = mapped_column(JSON)
    """The columns of `Preferences`."""
    page: Mapped[str] = mapped_column(Text)
    """The path of the page that it came from."""
    wording: Mapped[str] = mapped_column(Text)
    """The sentence that stood beside the button."""
    rank: Mapped[int] = mapped_column(default=1)
    """Counts the recent sign-ups of the network. High ranks wait, so that a network that sends many delays no other."""
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)


class RateLimitSalt(Base):
    """The one salt of the counts in Redis. It is replaced each hour, and then nobody can tell what was counted."""

    __tablename__ = "rate_limit_salts"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)


class Consent(Base):
    """Evidence that a reader agreed: to which words, on which page, and when."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), index=True)
    wording: Mapped[str] = mapped_column(Text)
    page: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class AddressChange(Base):
    """A new address that is not confirmed yet, or the old address after a change. Each reader has one at most."""

    __tablename__ = "address_changes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), unique=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[AddressKey] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    requests: Mapped[int] = mapped_column(default=1)
    """Mails to new addresses in a row: the pause before the next one doubles with each."""
    changed_at: Mapped[datetime | None]
    """When this became the old address; None: it is a new one that is not confirmed yet."""


class OneTimeLink(Base):
    """A reader's last request for a one-time link of a purpose (see `subscribers.account.one_time_links`)."""

    __tablename__ = "one_time_links"
    __table_args__ = (one_of("purpose", LinkPurpose),)

    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(EnumText(LinkPurpose), primary_key=True)
    requested_at: Mapped[datetime]
    requests: Mapped[int] = mapped_column(default=1)
    """Such mails in a row."""


class Suppression(Base):
    """The keyed hash of an address that must not be mailed (see `subscribers.suppression.suppressions`)."""

    __tablename__ = "suppressions"
    __table_args__ = (one_of("reason", SuppressionReason),)

    key_hash: Mapped[KeyHash] = mapped_column(LargeBinary(32), primary_key=True)
    """HMAC-SHA256 of the address's identity under SUPPRESSION_KEY."""
    reason: Mapped[SuppressionReason] = mapped_column(EnumText(SuppressionReason))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    """When the reason for it last happened."""


class Unsuppression(Base):
    """A suppression that an operator ended, when, and why. It stays until the reader is erased."""

    __tablename__ = "unsuppressions"
    __table_args__ = (one_of("reason", SuppressionReason),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[KeyHash] = mapped_column(LargeBinary(32), index=True)
    reason: Mapped[SuppressionReason] = mapped_column(EnumText(SuppressionReason))
    """Why the address had been suppressed."""
    why: Mapped[str] = mapped_column(Text)
    """The operator's words."""
    unsuppressed_at: Mapped[datetime] = mapped_column(default=clock.now)


class PastSubscription(Base):
    """The rest that is kept of a reader some time after the end (see `subscribers.past_subscriptions`)."""

    __tablename__ = "past_subscriptions"
    __table_args__ = (one_of("ended_as", SubscriberStatus), one_of("reason", UnsubscribeReason))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[KeyHash] = mapped_column(LargeBinary(32), index=True)
    """The hash of the address, as in `Suppression`."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the token in the reader's letters: their links can say that the subscription is over."""
    ended_as: Mapped[SubscriberStatus] = mapped_column(EnumText(SubscriberStatus))
    reason: Mapped[UnsubscribeReason | None] = mapped_column(EnumText(UnsubscribeReason))
    """Why the reader unsubscribed."""
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    consents: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    """The evidence that the reader agreed: wording, page, requested_at and confirmed_at; None once it is too old."""


class ImportProgress(Base):
    """How far the import of a file is done, until all of it is: `subscribers.files.resumable_import.ImportState`."""

    __tablename__ = "import_progress"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    file_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    row: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    imported: Mapped[int] = mapped_column(BigInteger)
    unchanged: Mapped[int] = mapped_column(BigInteger)
    suppressed: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    noted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    result_size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the result file that belong to it."""
    updated_at: Mapped[datetime]
