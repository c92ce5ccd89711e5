"""Signing in with a password and a code. (With a passkey: `passkeys.verify_passkey`.)

The first step answers alike, and does the same work, whether the address is unknown or the password is wrong.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core.actors import VISITOR, Actor, ActorKind
from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.staff import audit, passwords, recovery_codes, totp
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.models import StaffMember

STEP_AGE = timedelta(minutes=5)
"""The time between the password and the code."""


class StepError(InvalidError):
    """The first step is too long ago, or was another browser's."""


class PasswordResult(NamedTuple):
    """Whether a password is the person's."""

    is_right: bool
    new_hash: str = ""
    """The hash at today's cost, where the stored one was made at another."""


def compare_password(member: StaffMember | None, password: str) -> PasswordResult:
    """Compare a password with the person's; without a person the same work is done. Hashing takes a core for a while,
    so this wants no session: no transaction stays open meanwhile.
    """
    stored = member.password_hash if member else None
    if not passwords.is_password(stored, password) or stored is None:
        return PasswordResult(is_right=False)
    return PasswordResult(is_right=True, new_hash=passwords.rehash(password) if passwords.needs_rehash(stored) else "")


def record_password_try(session: Session, member: StaffMember | None, result: PasswordResult) -> None:
    """Write a wrong password down in the audit log, and a hash that was made anew into its row."""
    if not result.is_right:
        on = member_object(member.id) if member else None
        audit.record(session, AuditAction.SIGN_IN_FAILED, by=VISITOR, on=on)
    elif member is not None and result.new_hash:
        same = (StaffMember.id == member.id, StaffMember.password_hash == member.password_hash)
        session.execute(update(StaffMember).where(*same).values(password_hash=result.new_hash))


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
        raise StepError("sign_in.step_over", gettext_noop("That took longer than five minutes. Start again."))
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


def _password_version(member: StaffMember) -> str:
    return hashlib.sha256((member.password_hash or "").encode()).hexdigest()[:16]


def _binding(browser_token: str) -> str:
    return hashlib.sha256(browser_token.encode()).hexdigest()[:32]


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "staff.second_step")
