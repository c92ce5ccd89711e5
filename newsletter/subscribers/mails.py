"""The single mails that readers get, written when a worker sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.mail import single
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outgoing import Composer
from newsletter.subscribers import fresh, links
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.signup import MAY_CONFIRM


def confirmation(
    session: Session, settings: Settings, payload: Mapping[str, Any], mail_id: int
) -> tuple[Message, Recipient] | None:
    """Asks a reader to confirm. None when there is nothing to ask any more, or a later mail asks it."""
    reader = session.get(Subscriber, payload["subscriber"])
    if reader is None or reader.status not in MAY_CONFIRM or reader.asked_at is None:
        return None
    if reader.asked_at.isoformat() != payload["asked_at"]:
        return None
    link = settings.url(f"/confirm/{links.confirmation(settings.signing_keys, reader)}")
    message = single.compose(
        settings,
        "confirmation",
        {"link": link, "days": links.CONFIRMATION_AGE.days},
        mail_id=mail_id,
        id_salt=settings.message_id_salt,
    )
    return message, Recipient(mail_id, reader.address)


COMPOSERS: dict[str, Composer] = {"confirmation": confirmation, "fresh_link": fresh.mail}
"""By the kind in the outgoing table."""
