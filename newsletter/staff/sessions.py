"""Sessions of people who are signed in.

The browser has a random id of 130 bits, and the row its hash. A session ends after DESK_IDLE_AFTER without activity,
12 hours after the sign-in whatever happens, at sign-out, and with the person's account.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock, tokens
from newsletter.core.actors import Actor, ActorKind
from newsletter.core.db import plain_rows
from newsletter.staff.models import StaffMember, StaffSession
from newsletter.staff.rights import Right, Role, has_right

LONGEST = timedelta(hours=12)
PROOF_AGE = timedelta(minutes=10)
"""The age of a proof that is good enough for sending, erasing, people and factors."""
SEEN_EVERY = timedelta(minutes=1)
"""The time of the last activity is written at most once in this time."""
_KEPT_FOR = timedelta(days=1)
"""An ended session's row stays for a while: a new sign-in in the same browser takes over its form secret."""


@dataclass(frozen=True)
class SignedIn:
    """A person in a session, as views get it: plain values, read in one statement."""

    session_id: int
    member_id: int
    name: str
    email: str
    role: Role
    form_secret: bytes
    proved_at: datetime
    last_seen_at: datetime
    letter_keys: bool

    def may(self, right: Right) -> bool:
        """Whether the person's role includes a right."""
        return has_right(self.role, right)

    def may_change(self, begun_by: int) -> bool:
        """Whether the person may change a work: editors anybody's, authors those that they began."""
        return begun_by == self.member_id or self.may(Right.PUBLISH)

    @property
    def actor(self) -> Actor:
        """The person as the cause of a change."""
        return Actor(ActorKind.EDITOR, self.member_id)

    @property
    def is_proof_recent(self) -> bool:
        """Whether the person proved lately who they are."""
        return clock.now() - self.proved_at <= PROOF_AGE

    @property
    def form_token(self) -> str:
        """The token of this session's forms."""
        return form_token(self.form_secret)


def form_token(secret: bytes) -> str:
    """The token of forms that a secret of the browser's session makes."""
    return base64.urlsafe_b64encode(hmac.digest(secret, b"newsletter.desk.form", "sha256")[:18]).decode()


def start_session(session: Session, member: StaffMember, browser: str, *, former_token: str = "") -> str:
    """Start a session of a person who has just proved who they are; returns its id for the cookie.

    `former_token` is the id that the browser had: that session ends. If it was the same person's, forms that are still
    open in other tabs stay good.
    """
    former = session.scalar(select(StaffSession).where(StaffSession.token_hash == _hash(former_token)))
    is_same = former is not None and former.staff_member_id == member.id
    secret = former.form_secret if former is not None and is_same else os.urandom(16)
    if former is not None:  # by a statement, since a second sign-in with the same id may have deleted it meanwhile
        session.execute(delete(StaffSession).where(StaffSession.id == former.id))
    token = tokens.random_token()
    session.add(
        StaffSession(token_hash=_hash(token), staff_member_id=member.id, form_secret=secret, browser=browser[:80])
    )
    session.flush()
    return token


def _of_session(*columns: Any) -> Select[*tuple[Any, ...]]:
    """A statement on the session of an id, and its person; made once, since each request asks it."""
    found = select(*columns).join(StaffMember, StaffMember.id == StaffSession.staff_member_id)
    return found.where(
        StaffSession.token_hash == bindparam("token_hash"),
        StaffSession.created_at > bindparam("created_after"),
        StaffSession.last_seen_at > bindparam("seen_after"),
        StaffMember.removed_at.is_(None),
    )


_ROLE = _of_session(StaffMember.role).select_from(StaffSession)
_PERSON = _of_session(
    *(StaffSession.id, StaffMember.id, StaffMember.name, StaffMember.email, StaffMember.role),
    *(StaffSession.form_secret, StaffSession.proved_at, StaffSession.last_seen_at, StaffMember.letter_keys),
).select_from(StaffSession)
"""The columns of SignedIn."""


def find_session(session: Session, token: str, idle_after: timedelta) -> SignedIn | None:
    """The person whose browser has this id, unless the session is over."""
    if not tokens.is_random_token(token):
        return None
    row = plain_rows(session, _PERSON, _values_of(token, idle_after)).one_or_none()
    if row is None:
        return None
    number, member, name, email, *others = row
    return SignedIn(number, member, name or email or "", email or "", *others)


def role_in_session(connection: Connection, token: str, idle_after: timedelta) -> Role | None:
    """The role of the person whose browser has this id; None when the session is over, as in `find_session`."""
    if not tokens.is_random_token(token):
        return None
    return connection.execute(_ROLE, _values_of(token, idle_after)).scalar()


def _values_of(token: str, idle_after: timedelta) -> dict[str, object]:
    now = clock.now()
    return {"token_hash": _hash(token), "created_after": now - LONGEST, "seen_after": now - idle_after}


def note_activity(session: Session, signed_in: SignedIn) -> None:
    """Prolong a session."""
    _update(session, signed_in.session_id, last_seen_at=clock.now())


def renew_after_proof(session: Session, signed_in: SignedIn) -> str:
    """Give a session a new id, now that the person proved who they are; returns it for the cookie."""
    token, now = tokens.random_token(), clock.now()
    _update(session, signed_in.session_id, token_hash=_hash(token), proved_at=now, last_seen_at=now)
    return token


def list_sessions(session: Session, member_id: int, idle_after: timedelta) -> Sequence[StaffSession]:
    """The sessions of a person that are not over, the last used first."""
    now = clock.now()
    query = select(StaffSession).where(
        StaffSession.staff_member_id == member_id,
        StaffSession.created_at > now - LONGEST,
        StaffSession.last_seen_at > now - idle_after,
    )
    return session.scalars(query.order_by(StaffSession.last_seen_at.desc(), StaffSession.id)).all()


def end_session(session: Session, member_id: int, session_id: int) -> None:
    """End one session of a person; nothing happens for another person's."""
    session.execute(
        delete(StaffSession).where(StaffSession.id == session_id, StaffSession.staff_member_id == member_id)
    )


def end_all(session: Session, member_id: int, *, but: int | None = None) -> None:
    """End all sessions of a person, or all but one."""
    condition = StaffSession.staff_member_id == member_id
    session.execute(delete(StaffSession).where(condition, StaffSession.id != but if but is not None else condition))


def delete_old_sessions(session: Session) -> None:
    """Delete the rows of sessions that ended by themselves."""
    session.execute(delete(StaffSession).where(StaffSession.created_at < clock.now() - _KEPT_FOR))


def _update(session: Session, session_id: int, **values: object) -> None:
    session.connection().execute(update(StaffSession).where(StaffSession.id == session_id).values(values))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
