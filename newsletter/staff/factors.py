"""Setting an account up, and changing its password, code app and recovery codes. The one module that writes them.

After a change of password or factor all other sessions of the person end.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor, ActorKind
from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.staff import audit, recovery_codes, sessions, totp
from newsletter.staff.audit import AuditAction
from newsletter.staff.models import Passkey, RecoveryCode, StaffMember
from newsletter.staff.people import valid_name

ENROLMENT_AGE = timedelta(hours=1)


class NewCodeApp:
    """A secret that a page offers to a person's code app: the page's form brings it back, sealed, with a first code."""

    def __init__(self, keys: tuple[str, ...], member_id: int, secret: str | None = None) -> None:
        self._keys, self._member_id = keys, member_id
        self.secret = secret or totp.new_secret()

    @classmethod
    def from_token(cls, keys: tuple[str, ...], member_id: int, token: str) -> NewCodeApp | None:
        """The one that a page offered; None for a token that is too old, or another person's."""
        try:
            for_member, secret = cls._signer(keys).read(token, ENROLMENT_AGE)
        except TokenError:
            return None
        return cls(keys, member_id, secret) if for_member == member_id else None

    @property
    def token(self) -> str:
        return self._signer(self._keys).sign([self._member_id, self.secret])

    def confirm(self, code: str) -> int:
        """The time step of the first code. Raises InvalidError for a wrong one."""
        step = totp.matching_step(self.secret, code)
        if step is None:
            raise InvalidError(
                "totp.wrong",
                gettext_noop("This is not the code that the app shows now. Is the phone’s clock right?"),
            )
        return step

    @staticmethod
    def _signer(keys: tuple[str, ...]) -> TokenSigner:
        return TokenSigner(keys, "staff.totp.enrolment")


def begin_set_up(session: Session, member: StaffMember, name: str) -> None:
    """Set an account up, or anew after a reset: all earlier passwords, apps and passkeys end.

    Raises InvalidError for a name that is empty or too long.
    """
    member.name = valid_name(name)
    member.set_up_at = clock.now()
    member.password_hash = member.totp_secret = None
    for model in (Passkey, RecoveryCode):
        session.execute(delete(model).where(model.staff_member_id == member.id))
    sessions.end_all(session, member.id)
    audit.record(session, AuditAction.ACCOUNT_SET_UP, by=_itself(member))


def set_password(session: Session, member: StaffMember, password_hash: str, *, session_id: int | None) -> None:
    """Set a password, hashed before (`passwords.hash_password`); `session_id` is the session that stays."""
    member.password_hash = password_hash
    sessions.end_all(session, member.id, but=session_id)
    audit.record(session, AuditAction.PASSWORD_CHANGED, by=_itself(member))


def set_code_app(
    session: Session, keys: tuple[str, ...], member: StaffMember, app: NewCodeApp, step: int, *, session_id: int | None
) -> list[str]:
    """Set a code app whose first code is that of the time `step`; returns new recovery codes, to be shown once."""
    member.totp_secret, member.totp_step = totp.seal_secret(keys, member.id, app.secret), step
    sessions.end_all(session, member.id, but=session_id)
    audit.record(session, AuditAction.CODE_APP_CHANGED, by=_itself(member))
    return make_recovery_codes(session, member)


def make_recovery_codes(session: Session, member: StaffMember) -> list[str]:
    """Ten new codes, to be shown once; the old ones end."""
    audit.record(session, AuditAction.RECOVERY_CODES_MADE, by=_itself(member))
    return recovery_codes.make_codes(session, member.id)


def record_passkey(session: Session, member: StaffMember, action: AuditAction, *, session_id: int | None) -> None:
    """Record a new or removed passkey, and end the other sessions."""
    sessions.end_all(session, member.id, but=session_id)
    audit.record(session, action, by=_itself(member))


def _itself(member: StaffMember) -> Actor:
    return Actor(ActorKind.EDITOR, member.id)
