"""Inserting readers without asking first whether they are there: two doors may do it at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.subscribers.models import Status, Subscriber

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_new(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Insert those `rows` (columns by name) whose address is not there yet; returns how many were."""
    return _execute(session, _insert(session).on_conflict_do_nothing(index_elements=["address_key"]), rows)


def insert_confirmed(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Insert `rows` of readers who have confirmed; one who is there and pending becomes active with the choices made
    at sign-up, any other stays as it is. Returns how many were inserted or made active.
    """
    statement = _insert(session)
    statement = statement.on_conflict_do_update(
        index_elements=["address_key"],
        set_={"status": Status.ACTIVE, "confirmed_at": statement.excluded.confirmed_at},
        where=Subscriber.status == Status.PENDING,
    )
    return _execute(session, statement, rows)


def _execute(session: Session, statement: Any, rows: Sequence[dict[str, Any]]) -> int:
    """Without the option, SQLAlchemy does not say how many rows an INSERT of a single one touched."""
    return session.connection().execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def _insert(session: Session) -> Any:
    return _INSERT[session.get_bind().dialect.name](Subscriber.__table__)  # type: ignore[arg-type]
