"""Links by mail: an invitation, or a reset. Each works once, for an hour. A new one ends the older ones.

The token is made of a random nonce in the row and SECRET_KEY. So the worker that writes the mail can make it again, and
whoever reads the database alone can not. It is found by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import clock, tokens
from newsletter.core.actors import Actor
from newsletter.core.config import Settings
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.mail import outgoing_mails
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.mail_payloads import StaffLinkMail
from newsletter.staff.models import StaffLink, StaffLinkPurpose, StaffMember

LINK_AGE = timedelta(hours=1)

NOT_VALID = gettext_noop("This link was used, is older than an hour, or was followed by a newer one.")


class StaffLinkError(NotFoundError):
    """A link that does not work, or no longer does. The message gives no reason."""


def make_link(session: Session, keys: tuple[str, ...], member: StaffMember, purpose: StaffLinkPurpose) -> str:
    """A new link's token; all older links of the person end."""
    session.execute(delete(StaffLink).where(StaffLink.staff_member_id == member.id))
    nonce = os.urandom(16)
    token = _token(keys[-1], member.id, nonce)
    session.add(
        StaffLink(
            staff_member_id=member.id,
            purpose=purpose,
            token_hash=_hash(token),
            nonce=nonce,
            email_key=member.email_key or "",
            expires_at=clock.now() + LINK_AGE,
        )
    )
    session.flush()
    return token


def send_link(session: Session, settings: Settings, member: StaffMember, *, by: Actor) -> str:
    """Make a link that sets the account up, or sets it up anew, and have it mailed; returns its token, to be shown.

    The mail goes out once a worker runs. After the commit the caller queues a job (`Queues.enqueue_mails`).
    """
    purpose = StaffLinkPurpose.RESET if member.set_up_at else StaffLinkPurpose.INVITATION
    token = make_link(session, settings.signing_keys, member, purpose)
    link = session.scalars(select(StaffLink).where(StaffLink.token_hash == _hash(token))).one()
    outgoing_mails.add_mail(session, StaffLinkMail(str(link.id)), subscriber_id=None)
    audit.record(session, AuditAction.LINK_MADE, by=by, on=member_object(member.id), purpose=purpose)
    return token


def token_of_link(keys: tuple[str, ...], link: StaffLink) -> str | None:
    """The token of a link that still works, made again for its mail."""
    if link.expires_at <= clock.now():
        return None
    found = (_token(key, link.staff_member_id, link.nonce) for key in reversed(keys))
    return next((token for token in found if hmac.compare_digest(_hash(token), link.token_hash)), None)


def link_of_token(session: Session, token: str, *, for_use: bool = False) -> tuple[StaffLink, StaffMember]:
    """The link and its person; `for_use` locks both. Raises StaffLinkError."""
    query = select(StaffLink).where(StaffLink.token_hash == _hash(tokens.clean_token(token)))
    link = session.scalar(query.with_for_update() if for_use else query)
    if link is None or link.expires_at <= clock.now():
        raise StaffLinkError("staff.link_not_valid", NOT_VALID)
    member = session.get_one(StaffMember, link.staff_member_id, with_for_update=for_use)
    if member.email_key != link.email_key or member.removed_at is not None:
        raise StaffLinkError("staff.link_not_valid", NOT_VALID)
    return link, member


def use_link(session: Session, token: str) -> tuple[StaffLinkPurpose, StaffMember]:
    """Use a link up. Of two uses at once, one raises StaffLinkError."""
    link, member = link_of_token(session, token, for_use=True)
    session.delete(link)
    session.flush()
    return link.purpose, member


def _token(key: str, member_id: int, nonce: bytes) -> str:
    """26 characters: 130 bits."""
    mac = hmac.digest(key.encode(), b"newsletter.staff.link" + member_id.to_bytes(8, "big") + nonce, "sha256")
    return base64.b32encode(mac).decode().lower()[:26]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
