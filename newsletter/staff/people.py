"""People: who has an account, in which role. The one module that writes roles, and that removes people."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor, ActorKind
from newsletter.core.errors import ConflictError, InvalidError, NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.storable_text import is_storable
from newsletter.core.text_direction import keep_direction
from newsletter.staff import audit, sessions
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.models import Passkey, RecoveryCode, StaffLink, StaffMember, StaffSession
from newsletter.staff.rights import Role

LONGEST_NAME = 80

NO_SUCH_PERSON = gettext_noop("There is no such person.")
LAST_ADMIN = gettext_noop("This is the last admin who can sign in: somebody has to look after people and settings.")


class Colleague(NamedTuple):
    """A person with an account that is set up."""

    number: int
    name: str
    email: str


class ListedMember(NamedTuple):
    """A person as the list shows them."""

    member: StaffMember
    passkeys: int
    last_session: StaffSession | None
    link: StaffLink | None
    """The newest link that still works."""


def email_key(email: str) -> str:
    """The identity of an address. Raises InvalidError, which does not repeat the text, for anything else."""
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidError(
            "staff.email_wrong",
            gettext_noop("That is not a complete email address. Check it for typos (name@example.org)."),
        ) from None
    return unicodedata.normalize("NFC", valid.normalized).lower()


def valid_name(name: str) -> str:
    """A name as it is stored, in one line. Raises InvalidError for one that is empty or too long."""
    found = " ".join(keep_direction(name).split())
    if not found or len(found) > LONGEST_NAME or not is_storable(found) or not found.isprintable():
        raise InvalidError(
            "staff.name_wrong", gettext_noop("Enter a name of at most %(most)s characters."), most=LONGEST_NAME
        )
    return found


def add_member(session: Session, email: str, role: Role, *, by: Actor, name: str = "") -> StaffMember:
    """Add a person, who is invited until the account is set up. Raises ConflictError for a known address."""
    member = StaffMember(
        email=email.strip(), email_key=email_key(email), role=role, name=valid_name(name) if name else ""
    )
    try:
        with session.begin_nested():
            session.add(member)
    except IntegrityError:
        raise ConflictError("staff.known", gettext_noop("This address has an account already.")) from None
    audit.record(session, AuditAction.PERSON_INVITED, by=by, on=member_object(member.id), role=role)
    return member


def find_member(session: Session, key: str) -> StaffMember | None:
    """The person with this address (`email_key`)."""
    return session.scalar(select(StaffMember).where(StaffMember.email_key == key))


def get_member(session: Session, number: int, *, for_change: bool = False) -> StaffMember:
    """The person with this number; `for_change` locks the row. Raises NotFoundError; removed people are not found."""
    member = session.get(StaffMember, number, with_for_update=for_change, populate_existing=for_change)
    if member is None or member.removed_at is not None:
        raise NotFoundError("staff.unknown", NO_SUCH_PERSON)
    return member


def get_member_by_email(session: Session, email: str) -> StaffMember:
    """The person with this address, locked. Raises NotFoundError."""
    found = find_member(session, email_key(email))
    if found is None:
        raise NotFoundError("staff.unknown", NO_SUCH_PERSON)
    return get_member(session, found.id, for_change=True)


def list_members(session: Session) -> list[ListedMember]:
    """All people but removed ones, in the order in which they came. Four statements, however many they are."""
    members = session.scalars(
        select(StaffMember).where(StaffMember.removed_at.is_(None)).order_by(StaffMember.id)
    ).all()
    counts = select(Passkey.staff_member_id, func.count()).group_by(Passkey.staff_member_id)
    passkeys = {row[0]: row[1] for row in session.execute(counts)}
    found = session.scalars(select(StaffSession).order_by(StaffSession.last_seen_at))
    last_sessions = {each.staff_member_id: each for each in found}
    links = session.scalars(select(StaffLink).where(StaffLink.expires_at > clock.now()).order_by(StaffLink.id))
    newest_links = {link.staff_member_id: link for link in links}
    return [
        ListedMember(one, passkeys.get(one.id, 0), last_sessions.get(one.id), newest_links.get(one.id))
        for one in members
    ]


def colleagues(session: Session) -> list[Colleague]:
    """Everybody with an account that is set up, by name."""
    query = select(StaffMember.id, StaffMember.name, StaffMember.email).where(
        StaffMember.set_up_at.is_not(None), StaffMember.removed_at.is_(None), StaffMember.email.is_not(None)
    )
    rows = session.execute(query.order_by(StaffMember.name, StaffMember.id))
    return [Colleague(number, name or email or "", email or "") for number, name, email in rows]


def change_name(session: Session, member: StaffMember, name: str) -> None:
    """Change a person's own name. The audit log, which shows names as they are now, says when. Raises InvalidError."""
    found = valid_name(name)
    if found != member.name:
        member.name = found
        audit.record(session, AuditAction.NAME_CHANGED, by=Actor(ActorKind.EDITOR, member.id))


def give_role(session: Session, number: int, role: Role, *, by: Actor) -> None:
    """Change a person's role. All their sessions end: a new right comes with a new sign-in.

    Raises ConflictError for the last admin.
    """
    admins = _lock_admins(session)
    member = get_member(session, number, for_change=True)
    if member.role == role:
        return
    if role != Role.ADMIN:
        _require_another_admin(admins, member)
    before, member.role = member.role, role
    sessions.end_all(session, member.id)
    audit.record(session, AuditAction.ROLE_GIVEN, by=by, on=member_object(number), before=before, role=role)


def remove_member(session: Session, number: int, *, by: Actor) -> None:
    """Remove a person: address, factors, links and sessions go at once; number and name stay for the audit log.

    Raises ConflictError for the last admin.
    """
    admins = _lock_admins(session)
    member = get_member(session, number, for_change=True)
    _require_another_admin(admins, member)
    sessions.end_all(session, member.id)
    for model in (Passkey, RecoveryCode, StaffLink):
        session.execute(delete(model).where(model.staff_member_id == member.id))
    member.email = member.email_key = member.password_hash = member.totp_secret = None
    member.removed_at = clock.now()
    audit.record(session, AuditAction.PERSON_REMOVED, by=by, on=member_object(number))


def has_factor(session: Session, member: StaffMember) -> bool:
    """Whether the person can prove who they are: by a passkey, or by an app's code."""
    if member.totp_secret is not None:
        return True
    return session.scalar(select(Passkey.id).where(Passkey.staff_member_id == member.id).limit(1)) is not None


def _lock_admins(session: Session) -> Sequence[int]:
    """The numbers of all admins who can sign in, locked in one order: two who remove each other wait."""
    query = select(StaffMember.id).where(
        StaffMember.role == Role.ADMIN, StaffMember.set_up_at.is_not(None), StaffMember.removed_at.is_(None)
    )
    return session.scalars(query.order_by(StaffMember.id).with_for_update()).all()


def _require_another_admin(admins: Sequence[int], member: StaffMember) -> None:
    if list(admins) == [member.id]:
        raise ConflictError("staff.last_admin", LAST_ADMIN)
