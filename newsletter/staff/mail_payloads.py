"""The payload of mails to the staff, for the outgoing table; `staff.transactional_mails` writes the mails."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.mail.mail_types import MailPayload


@dataclass(frozen=True)
class StaffLinkMail(MailPayload):
    """Brings an invitation or a reset."""

    kind = "staff_link"
    link: str
    """The number of the link's row, as text."""
