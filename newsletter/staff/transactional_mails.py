"""Mails to the staff, in English like the desk."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.mail.mail_types import MailType, WaitingMail, one_by_one
from newsletter.mail.message import Message, Recipient
from newsletter.mail.transactional_rendering import PLACEHOLDER, compose_mail
from newsletter.staff import links
from newsletter.staff.mail_payloads import StaffLinkMail
from newsletter.staff.models import StaffLink, StaffMember


def staff_link(
    session: Session, settings: Settings, mail: WaitingMail[StaffLinkMail]
) -> tuple[Message, Recipient] | None:
    """Bring the link. None when it was used, has ended, or was followed by another."""
    link = session.get(StaffLink, int(mail.payload.link))
    token = None if link is None else links.token_of_link(settings.signing_keys, link)
    if link is None or token is None:
        return None
    member = session.get_one(StaffMember, link.staff_member_id)
    if member.email is None:
        return None
    message = compose_mail(
        settings,
        f"staff_{link.purpose}",
        public_paths.desk_link(PLACEHOLDER),
        {"minutes": int(links.LINK_AGE.total_seconds()) // 60},
    )
    return message, Recipient(mail.id, member.email, token)


MAIL_TYPES = (MailType(StaffLinkMail, one_by_one(staff_link)),)
