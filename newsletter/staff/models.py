"""Tables of the staff: people, their factors, links and sessions, and the audit log.

No row holds a network address. Secrets are stored as hashes; the key of a code app, which has to be known in clear, is
sealed under SECRET_KEY.
"""

from __future__ import annotations

import os
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.core import clock
from newsletter.core.actors import ActorKind
from newsletter.core.db import Base, EnumText, Id, one_of
from newsletter.staff.rights import Role


class StaffMember(Base):
    """A person with an account. The row of a person who was removed stays, without address and factors, since the audit
    log names people by its number.
    """

    __tablename__ = "staff_members"
    __table_args__ = (one_of("role", Role), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str | None] = mapped_column(Text)
    """As it was entered; None once the person is removed."""
    email_key: Mapped[str | None] = mapped_column(Text, unique=True)
    """The identity of the address (`people.email_key`)."""
    name: Mapped[str] = mapped_column(Text, default="")
    """Empty until the account is set up."""
    role: Mapped[Role] = mapped_column(EnumText(Role))
    user_handle: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True, default=lambda: os.urandom(32))
    """The account's name in passkeys (WebAuthn 3, 5.4.3): random, so that it says nothing about the person."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    totp_secret: Mapped[str | None] = mapped_column(Text)
    """Sealed (`totp.seal_secret`)."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The time step of the last code that was accepted: this one and older ones are refused."""
    letter_keys: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether the desk's pages listen to keys of one character (WCAG 2.1.4: they can be turned off)."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    set_up_at: Mapped[datetime | None]
    """None while the person is invited."""
    removed_at: Mapped[datetime | None]


class StaffLinkPurpose(StrEnum):
    """Purposes of links by mail."""

    INVITATION = "invitation"
    RESET = "reset"
    """Sets the account up anew, for a person who lost password, phone or passkey."""
    DEMO = "demo"
    """Signs in at once. Only `newsletter demo` makes such links."""


class StaffLink(Base):
    """A link that works once and for an hour. Its token is stored as a hash."""

    __tablename__ = "staff_links"
    __table_args__ = (one_of("purpose", StaffLinkPurpose), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)
    purpose: Mapped[StaffLinkPurpose] = mapped_column(EnumText(StaffLinkPurpose))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(16))
    """With SECRET_KEY it makes the token again, for the mail that brings it."""
    email_key: Mapped[str] = mapped_column(Text)
    """The address that it was made for: after a change of address it does not open."""
    expires_at: Mapped[datetime]


class RecoveryCode(Base):
    """A code that stands in for the code app, once. The row goes with its use."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)


class Passkey(Base):
    """A public key of a person's device."""

    __tablename__ = "passkeys"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """The authenticator's counter, which only rises; 0 for those that do not count."""
    name: Mapped[str] = mapped_column(Text)
    """The browser that made it, such as "Firefox on Linux"."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime | None]


class UsedChallenge(Base):
    """A passkey challenge that was answered, kept as long as its token would be good for another time."""

    __tablename__ = "used_challenges"

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime]


class StaffSession(Base):
    """A browser in which a person is signed in. Its id is known to the browser alone; the row has the hash."""

    __tablename__ = "staff_sessions"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)
    form_secret: Mapped[bytes] = mapped_column(LargeBinary(16))
    """Makes the tokens of forms. It outlives a new id, so that forms in other tabs stay good."""
    browser: Mapped[str] = mapped_column(Text)
    """Such as "Firefox on Linux"."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    proved_at: Mapped[datetime] = mapped_column(default=clock.now)
    """The last time that the person showed a passkey or a code."""


class AuditEntry(Base):
    """Something that somebody did. The application only inserts, and deletes what is older than AUDIT_KEPT_FOR."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        one_of("actor_kind", ActorKind),
        Index("ix_audit_entries_member", "staff_member_id", "id"),
        Index("ix_audit_entries_action", "action", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    staff_member_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    """The person, where the actor is one."""
    action: Mapped[str] = mapped_column(Text)
    """A word of `audit.AuditAction`."""
    object_kind: Mapped[str | None] = mapped_column(Text)
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Numbers and words of ours: never text of a person, who could be a reader."""
