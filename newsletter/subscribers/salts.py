"""The random salt of the limits that are counted in Redis: of sign-ups, and of mails to one mailbox.

It stands in the database and never in Redis, whose append-only file keeps what was counted for longer than an hour:
once the salt is replaced, nobody can work out from that file which network or address was counted.
"""

from __future__ import annotations

import os
from datetime import timedelta

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
    with db.reading() as session:
        found = session.get(RateLimitSalt, _ONLY)
    if found is not None and clock.now() - found.made_at < LIFETIME:
        return found.salt
    with db.transaction() as session:
        forget_old_salt(session)
        row = {"id": _ONLY, "salt": os.urandom(32), "made_at": clock.now()}
        insert_ignoring(session, RateLimitSalt, [row], conflict=["id"])  # another process may have been first
        return session.get_one(RateLimitSalt, _ONLY).salt


def forget_old_salt(session: Session) -> None:
    """Delete a salt that is an hour old."""
    session.execute(
        delete(RateLimitSalt).where(RateLimitSalt.made_at <= clock.now() - LIFETIME),
        execution_options={"synchronize_session": False},
    )
