"""Ids of the ledger become addresses: of the subscribers who are active at this moment."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from newsletter.core.db import table_of
from newsletter.core.ids import SubscriberId
from newsletter.subscribers.models import Subscriber, SubscriberStatus

_subscriber = table_of(Subscriber).c
# Without the plus SQLite would go through all active subscribers, by the index on their status, for each batch.
_IS_ACTIVE: dict[str, Any] = {
    "sqlite": text(f"+subscribers.status = '{SubscriberStatus.ACTIVE}'"),
    "postgresql": _subscriber.status == SubscriberStatus.ACTIVE,
}
_SELECT = select(_subscriber.id, _subscriber.address, _subscriber.token)
_IS_LISTED = {
    # One parameter that holds all ids: a thousand bound parameters cost more than the query itself.
    "sqlite": text("id IN (SELECT value FROM json_each(:ids))"),
    "postgresql": text("id = ANY(:ids)"),
}
_LIST = {dialect: _SELECT.where(_IS_LISTED[dialect], is_active) for dialect, is_active in _IS_ACTIVE.items()}
_RANGE = {
    dialect: _SELECT.where(_subscriber.id.between(bindparam("first"), bindparam("last")), is_active)
    for dialect, is_active in _IS_ACTIVE.items()
}


def active_recipients(session: Session, ids: array[int]) -> dict[int, tuple[str, str]]:
    """Address and token of the active subscribers among `ids` (rising), by id.

    Those who unsubscribed or were suppressed since the freeze are missing.
    """
    if not ids:
        return {}
    connection = session.connection()
    dialect = connection.dialect.name
    if ids[-1] - ids[0] + 1 == len(ids):
        found = connection.execute(_RANGE[dialect], {"first": ids[0], "last": ids[-1]})
    else:
        listed = json.dumps(ids.tolist()) if dialect == "sqlite" else ids.tolist()
        found = connection.execute(_LIST[dialect], {"ids": listed})
    # The driver's own tuples: SQLAlchemy's rows would cost as much as the reading (measured).
    return {subscriber_id: (address, token) for subscriber_id, address, token in found.cursor.fetchall()}


def lock_present(session: Session, ids: Sequence[SubscriberId]) -> set[int]:
    """The subscribers among `ids` who were not erased; they stay until the transaction ends."""
    query = select(Subscriber.id).where(Subscriber.id.in_(ids)).order_by(Subscriber.id)
    return set(session.scalars(query.with_for_update(read=True, key_share=True)))
