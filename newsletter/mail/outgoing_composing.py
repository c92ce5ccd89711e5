"""Composing what waits in the outgoing table: mails of one kind read what they are about together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.mail.mail_types import Compose, MailType, MailTypes, WaitingMail
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outgoing_mails import MailClaim

ComposedMail: TypeAlias = "tuple[Message, Recipient] | Exception | None"
"""A mail; the error about this mail alone; None when there is nothing to send any more."""


def compose_rows(
    session: Session, settings: Settings, mail_types: MailTypes, rows: Sequence[MailClaim | OutgoingMail]
) -> list[ComposedMail]:
    """Compose the mail of each row, in their order. Raises DBAPIError, which is about all of them."""
    composed: dict[int, ComposedMail] = {}
    waiting: dict[str, list[WaitingMail[Any]]] = defaultdict(list)
    for row in rows:
        try:
            payload = mail_types[row.kind].payload.from_json(row.payload)
        except Exception as error:  # noqa: BLE001 - the caller notes it at the row
            composed[row.id] = error
        else:
            waiting[row.kind].append(WaitingMail(row.id, row.subscriber_id, payload))
    for kind, mails in waiting.items():
        compose = _opened(session, settings, mail_types[kind], mails)
        composed |= {mail.id: _compose(compose, mail) for mail in mails}
    return [composed[row.id] for row in rows]


def _opened(
    session: Session, settings: Settings, mail_type: MailType[Any], mails: Sequence[WaitingMail[Any]]
) -> Compose[Any]:
    """The function that composes these mails; one by one where something about one of them cannot be read."""
    try:
        return mail_type.composer(session, settings, mails)
    except DBAPIError:
        raise
    except Exception:  # noqa: BLE001 - raised again for the mail that it is about
        return lambda mail: mail_type.composer(session, settings, [mail])(mail)


def _compose(compose: Compose[Any], mail: WaitingMail[Any]) -> ComposedMail:
    try:
        return compose(mail)
    except DBAPIError:
        raise
    except Exception as error:  # noqa: BLE001 - the caller notes it at the row
        return error
