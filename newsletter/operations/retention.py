"""The hourly deletion of data that is no longer needed."""

from __future__ import annotations

from redis.exceptions import RedisError

from newsletter.core import secure_delete
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import stored_reports
from newsletter.subscribers import retention, salts

INTERVAL = 3600
"""Seconds between two runs."""
LAST_RUN_KEY = "newsletter:retention"


def run_hourly(runtime: Runtime) -> None:
    """Delete subscribers who never confirmed, old reports and an old salt, and clean SQLite's file of them.

    It runs once an hour. Redis keeps the time of the last run; without Redis the run waits.
    """
    try:
        if not runtime.queues.redis.set(LAST_RUN_KEY, 1, nx=True, ex=INTERVAL):
            return
    except RedisError:
        return
    with runtime.db.transaction() as session:
        salts.forget_old_salt(session)
    addresses: set[str] = set()
    more = True
    while more:
        with runtime.db.transaction() as session:
            deleted = retention.delete_unconfirmed(session)
        addresses |= deleted.addresses
        more = deleted.more
    more = True
    while more:
        with runtime.db.transaction() as session:
            more = stored_reports.delete_old_reports(session)
    secure_delete.purge_pending(runtime.db)
    secure_delete.purge(runtime.db, *addresses)
