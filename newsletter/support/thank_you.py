"""The thank-you mail. A supporter's address stands in its row in the outgoing table, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock, public_paths
from newsletter.core.config import Settings
from newsletter.core.db import epoch_now
from newsletter.mail.mail_types import MailPayload, MailType, WaitingMail, one_by_one
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.transactional_rendering import compose_mail

KEPT_FOR = timedelta(days=3) - timedelta(hours=2)
"""The time for which an address waits for its mail. The clock deletes old rows once an hour, so that none is kept for
more than 3 days, even if no worker runs."""

IsSuppressed = Callable[[Session, Settings, str], bool]
"""Whether an address must not be mailed."""


@dataclass(frozen=True)
class ThankYou(MailPayload):
    """Thanks a supporter."""

    kind = "thank_you"
    address: str


def thank_you_mail(is_suppressed: IsSuppressed) -> MailType[ThankYou]:
    """The type of the mail. It is the same for all: no word that somebody typed at Ko-fi is in it."""

    def compose(session: Session, settings: Settings, mail: WaitingMail[ThankYou]) -> tuple[Message, Recipient] | None:
        if is_suppressed(session, settings, mail.payload.address):
            return None
        message = compose_mail(settings, ThankYou.kind, public_paths.SUPPORT)
        return message, Recipient(mail.id, mail.payload.address)

    return MailType(ThankYou, one_by_one(compose))


def delete_old(session: Session) -> list[str]:
    """Delete the mails that waited for too long and that no worker has; their addresses, to purge the file of."""
    rows = session.execute(
        delete(OutgoingMail)
        .where(OutgoingMail.kind == ThankYou.kind, OutgoingMail.created_at < clock.now() - KEPT_FOR)
        .where(OutgoingMail.lease_until.is_(None) | (OutgoingMail.lease_until < epoch_now()))
        .returning(OutgoingMail.payload)
        .execution_options(synchronize_session=False)
    )
    return [ThankYou.from_json(payload).address for (payload,) in rows]
