"""Whether a connection of the pool still lives: asked before it is used again, unless it was used a moment ago.

SQLAlchemy's own pre-ping asks each time: one round trip of the four that a sign-up makes to PostgreSQL, and six of the
worker's round. HikariCP, the pool of most Java services, trusts for the same half of a second (aliveBypassWindowMs).
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

TRUSTED_FOR = 0.5
"""Seconds after its last use."""
_USED_AT = "newsletter.used_at"


def watch(engine: Engine) -> None:
    """Have the engine's pool replace what does not live any more, with all connections that are as old."""
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", lambda connection, record, _fairy: _ask(engine, connection, record))


def _note_use(_connection: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _ask(engine: Engine, connection: Any, record: Any) -> None:
    used_at = record.info.get(_USED_AT)  # none: it was opened for this use
    if used_at is None or time.monotonic() - used_at < TRUSTED_FOR:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        raise InvalidatePoolError from None
