"""The registry of all transactional mails. A package that sends mails adds its types here."""

from __future__ import annotations

from newsletter.mail.mail_types import by_kind
from newsletter.privacy import erasure
from newsletter.staff import transactional_mails as staff_mails
from newsletter.subscribers import transactional_mails

MAIL_TYPES = by_kind(*transactional_mails.MAIL_TYPES, erasure.LAST_MAIL, *staff_mails.MAIL_TYPES)
