"""Signing in with a password and a code. (With a passkey: `passkeys.verify_passkey`.)

The first step answers alike, and does the same work, whether the address is unknown or the password is wrong.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core.actors import VISITOR, Actor, ActorKind
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.staff import audit, passwords, people, recovery_codes, totp
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.models import StaffMember

STEP_AGE = timedelta(minutes=5)
"""The time between the password and the code."""


class StepError(InvalidError):
    """The first step is too long ago, or was another browser's."""


def check_password(db: Database, email: str, password: str) -> int | None:
    """The number of the person with this address and password. A failure is written down in the audit log.

    No transaction is open while the password is hashed.
    """
    try:
        key = people.email_key(email)
    except InvalidError:
        key = ""
    with db.reading() as session:
        member = people.find_member(session, key)
    if passwords.is_password(member.password_hash if member else None, password) and member is not None:
        if member.password_hash is not None and passwords.needs_rehash(member.password_hash):
            _store_hash(db, member, passwords.rehash(password))
        return member.id
    with db.transaction() as session:
        on = member_object(member.id) if member else None
        audit.record(session, AuditAction.SIGN_IN_FAILED, by=VISITOR, on=on)
    return None


def issue_step(keys: tuple[str, ...], member: StaffMember, browser_token: str) -> str:
    """A token which says that the password was right, for this browser and while the password stays."""
    return _signer(keys).sign([member.id, _password_version(member), _binding(browser_token)])


def member_of_step(session: Session, keys: tuple[str, ...], token: str, browser_token: str) -> StaffMember:
    """The person who gave the right password. Raises StepError."""
    try:
        member_id, password_version, binding = _signer(keys).read(token, STEP_AGE)
    except TokenError:
        member_id, password_version, binding = 0, "", ""
    member = session.get(StaffMember, member_id, with_for_update=True)
    if member is None or password_version != _password_version(member) or binding != _binding(browser_token):
        raise StepError("sign_in.step_over", gettext_noop("That took longer than five minutes. Begin anew."))
    return member


def accept_second_step(session: Session, keys: tuple[str, ...], member: StaffMember, code: str) -> AuditAction | None:
    """The action to record for a right code, of the app or a recovery code. Each works once. None for a wrong one."""
    if recovery_codes.is_recovery_code(code):
        is_right = recovery_codes.use_code(session, member.id, code)
        return AuditAction.SIGNED_IN_WITH_RECOVERY_CODE if is_right else None
    return AuditAction.SIGNED_IN_WITH_CODE if totp.accept_code(session, keys, member, code) else None


def record_refused_code(session: Session, member_id: int) -> None:
    """Write a wrong code down."""
    audit.record(session, AuditAction.CODE_REFUSED, by=VISITOR, on=member_object(member_id))


def record_sign_in(session: Session, member: StaffMember, action: AuditAction) -> None:
    """Write a sign-in down."""
    audit.record(session, action, by=Actor(ActorKind.EDITOR, member.id))


def _store_hash(db: Database, member: StaffMember, password_hash: str) -> None:
    with db.transaction() as session:
        same = (StaffMember.id == member.id, StaffMember.password_hash == member.password_hash)
        session.execute(update(StaffMember).where(*same).values(password_hash=password_hash))


def _password_version(member: StaffMember) -> str:
    return hashlib.sha256((member.password_hash or "").encode()).hexdigest()[:16]


def _binding(browser_token: str) -> str:
    return hashlib.sha256(browser_token.encode()).hexdigest()[:32]


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "staff.second_step")
