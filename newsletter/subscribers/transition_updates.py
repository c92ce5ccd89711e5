"""How a transition of a subscriber is written: an UPDATE on the condition that the status is one of its sources.

Only `subscribers.lifecycle` and `subscribers.reported_ends` call it.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import ColumnElement, literal_column, update
from sqlalchemy.orm import Session

from newsletter.core.actors import Actor
from newsletter.core.db import log_after_commit, table_of
from newsletter.core.errors import ConflictError
from newsletter.core.languages import gettext_noop
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.status_transitions import SubscriberTransition

log = logging.getLogger(__name__)

TABLE = table_of(Subscriber)

NOT_ENDED: dict[str, Any] = {"ended_at": None, "unsubscribed_at": None, "unsubscribe_reason": None}
FETCHED = {"synchronize_session": "fetch"}
"""The loaded subscriber gets the new values as well."""


def change_status(
    session: Session, reader: Subscriber, transition: SubscriberTransition, by: Actor, **values: Any
) -> bool:
    """Do a transition; False when the reader's status is none of its sources."""
    statement = (
        update(Subscriber)
        .where(Subscriber.id == reader.id, starts(transition))
        .values(status=transition.target, **values)
    )
    result = session.execute(statement, execution_options=FETCHED)
    if result.rowcount != 1:  # type: ignore[attr-defined]
        return False
    log_transition(session, reader.id, transition, by)
    return True


def starts(transition: SubscriberTransition) -> ColumnElement[bool]:
    """The condition that a transition may start; literal words, since a list of values cannot go to many rows."""
    return TABLE.c.status.in_([literal_column(f"'{status}'") for status in transition.statuses])


def require_changed(changed: bool) -> None:
    """Raise ConflictError when a transition changed nothing."""
    if not changed:
        raise ConflictError(
            "subscriber.status_changed", gettext_noop("This subscription has just been changed. Nothing was done.")
        )


def log_transition(session: Session, subscriber_id: int, transition: SubscriberTransition, by: Actor) -> None:
    """Log a transition of one subscriber once it is committed."""
    log_after_commit(session, log).info("subscriber %d: %s, by %s", subscriber_id, transition.action, by)
