"""Ids of the ledger become recipients: those who are still active, as they are at this moment."""

from __future__ import annotations

import json
from array import array

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from newsletter.mail.message import Recipient
from newsletter.subscribers.models import Status, Subscriber

_ACTIVE = select(Subscriber.id, Subscriber.address, Subscriber.token).where(Subscriber.status == Status.ACTIVE)
_LISTED = {
    # One parameter that holds all ids: a thousand bound parameters cost more than the query itself.
    "sqlite": _ACTIVE.where(text("id IN (SELECT value FROM json_each(:ids))")),
    "postgresql": _ACTIVE.where(text("id = ANY(:ids)")),
}
_RANGE = _ACTIVE.where(Subscriber.id.between(bindparam("first"), bindparam("last")))


def active(session: Session, ids: array[int]) -> dict[int, Recipient]:
    """The active ones among `ids` (rising), by id. Who left or was suppressed since the freeze is missing."""
    if not ids:
        return {}
    if ids[-1] - ids[0] + 1 == len(ids):
        rows = session.execute(_RANGE, {"first": ids[0], "last": ids[-1]})
    else:
        dialect = session.get_bind().dialect.name
        listed = json.dumps(ids.tolist()) if dialect == "sqlite" else ids.tolist()
        rows = session.execute(_LISTED[dialect], {"ids": listed})
    return {row[0]: Recipient(*row) for row in rows}
