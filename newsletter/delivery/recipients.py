"""Ids of the ledger become addresses: of those who are still active, as they are at this moment."""

from __future__ import annotations

import json
from array import array

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from newsletter.core.db import table_of
from newsletter.subscribers.models import Status, Subscriber

_readers = table_of(Subscriber).c
_ACTIVE = select(_readers.id, _readers.address, _readers.token).where(_readers.status == Status.ACTIVE)
_LISTED = {
    # One parameter that holds all ids: a thousand bound parameters cost more than the query itself.
    "sqlite": _ACTIVE.where(text("id IN (SELECT value FROM json_each(:ids))")),
    "postgresql": _ACTIVE.where(text("id = ANY(:ids)")),
}
_RANGE = _ACTIVE.where(_readers.id.between(bindparam("first"), bindparam("last")))


def active(session: Session, ids: array[int]) -> dict[int, tuple[str, str]]:
    """Address and token of the active ones among `ids` (rising), by id.

    Who left or was suppressed since the freeze is missing.
    """
    if not ids:
        return {}
    connection = session.connection()
    if ids[-1] - ids[0] + 1 == len(ids):
        rows = connection.execute(_RANGE, {"first": ids[0], "last": ids[-1]})
    else:
        dialect = connection.dialect.name
        listed = json.dumps(ids.tolist()) if dialect == "sqlite" else ids.tolist()
        rows = connection.execute(_LISTED[dialect], {"ids": listed})
    return {subscriber_id: (address, token) for subscriber_id, address, token in rows.fetchall()}
