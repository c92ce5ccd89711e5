"""The registry of all transactional mails. A package that sends mails adds its types here."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.errors import InvalidError
from newsletter.mail.mail_types import by_kind
from newsletter.privacy import erasure
from newsletter.staff import transactional_mails as staff_mails
from newsletter.subscribers import addresses, transactional_mails
from newsletter.subscribers.suppression import suppressions
from newsletter.support.thank_you import thank_you_mail


def _is_suppressed(session: Session, settings: Settings, address: str) -> bool:
    """Whether a supporter's address must not be mailed. Suppressions are all that support learns of readers."""
    try:
        address_key = addresses.identity_key(addresses.normalise(address))
    except InvalidError:
        return True
    return suppressions.is_suppressed(session, settings.suppression_key, address_key)


MAIL_TYPES = by_kind(
    *transactional_mails.MAIL_TYPES, erasure.LAST_MAIL, *staff_mails.MAIL_TYPES, thank_you_mail(_is_suppressed)
)
