"""Inserting rows of which some may be there: alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from newsletter.core.db import Database, insert_ignoring
from newsletter.subscribers.models import Subscriber


def rows(*names: str, token: str = "") -> list[dict[str, Any]]:
    return [
        {"address": f"{name}@example.org", "address_key": f"{name}@example.org", "token": token or f"token of {name}"}
        for name in names
    ]


def insert(db: Database, values: Sequence[dict[str, Any]], conflict: Sequence[str] | None = None) -> int:
    with db.transaction() as session:
        return insert_ignoring(session, Subscriber, values, conflict=conflict)


def test_it_counts_what_was_inserted(db: Database) -> None:
    assert insert(db, rows("ada", "bob")) == 2
    assert insert(db, rows("bob", "eve")) == 1
    assert insert(db, rows("eve")) == 0
    assert insert(db, []) == 0


def test_rows_that_are_there_stay_as_they_were_and_defaults_are_filled_in(db: Database) -> None:
    insert(db, rows("ada"))
    insert(db, rows("ada", token="another token"))
    with db.reading() as session:
        (row,) = session.scalars(select(Subscriber))
    assert (row.token, row.status, row.min_trust) == ("token of ada", "pending", 0)
    assert row.created_at.tzinfo is not None


def test_any_key_counts_unless_one_is_named(db: Database) -> None:
    insert(db, rows("ada", token="the same"))
    assert insert(db, rows("bob", token="the same")) == 0
    with pytest.raises(IntegrityError):
        insert(db, rows("bob", token="the same"), conflict=["address_key"])
