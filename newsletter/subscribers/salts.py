"""The random salt of the limits that are counted in Redis: of sign-ups, and of mails to one mailbox.

It stands in the database and never in Redis, whose append-only file keeps what was counted for longer than an hour:
once the salt is replaced, nobody can work out from that file which network or address was counted.
"""

from __future__ import annotations

import os
from datetime import timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Database, insert_ignoring
from newsletter.subscribers.models import RateLimitSalt

LIFETIME = timedelta(hours=1)
_ONLY = 1
"""The number of the one row."""


def present_salt(db: Database) -> bytes:
    """The salt of this hour, the same for all processes; a new one when the last is an hour old."""
    known = _known.get(db)
    if known is None or not _is_present(known):
        known = _known[db] = _read_or_replace(db)
    return known.salt


_known: WeakKeyDictionary[Database, RateLimitSalt] = WeakKeyDictionary()
"""Rows that this process has read: a row never changes in its hour."""


def _is_present(row: RateLimitSalt) -> bool:
    return clock.now() - row.made_at < LIFETIME


def _read_or_replace(db: Database) -> RateLimitSalt:
    with db.reading() as session:
        found = session.get(RateLimitSalt, _ONLY)
    if found is not None and _is_present(found):
        return found
    with db.transaction() as session:
        forget_old_salt(session)
        row = {"id": _ONLY, "salt": os.urandom(32), "made_at": clock.now()}
        insert_ignoring(session, RateLimitSalt, [row], conflict=["id"])  # another process may have been first
        return session.get_one(RateLimitSalt, _ONLY)


def forget_old_salt(session: Session) -> None:
    """Delete a salt that is an hour old."""
    session.execute(
        delete(RateLimitSalt).where(RateLimitSalt.made_at <= clock.now() - LIFETIME),
        execution_options={"synchronize_session": False},
    )
