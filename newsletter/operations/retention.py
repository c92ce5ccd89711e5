"""The hourly deletion of data that is no longer needed."""

from __future__ import annotations

from newsletter.core import secure_delete, shutdown
from newsletter.core.actors import CLOCK
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import stored_reports
from newsletter.digests.links import stored_checks
from newsletter.operations.intervals import is_interval_over
from newsletter.staff import retention as staff_retention
from newsletter.subscribers import past_subscriptions, retention, salts
from newsletter.support import thank_you

INTERVAL = 3600
"""Seconds between two runs."""
LAST_RUN_KEY = "newsletter:retention"
DAY = 86_400
LAST_REDUCTION_KEY = "newsletter:reduction"


def run_hourly(runtime: Runtime) -> None:
    """Delete what is not needed any more, and clean SQLite's file of it.

    That is subscribers who never confirmed, old reports, thank-you mails that could not be sent, an old salt, old
    checks of links, most of what is kept of past subscriptions, and what is over at the desk. It runs once an hour.
    Redis keeps the time of the last run; without Redis the run waits.
    """
    if not is_interval_over(runtime, LAST_RUN_KEY, INTERVAL):
        return
    with runtime.db.transaction() as session:
        salts.forget_old_salt(session)
        stored_checks.delete_old(session)
        staff_retention.delete_old_rows(session, runtime.settings.audit_kept_for)
    addresses: set[str] = set()
    is_announced = False
    more = True
    while more:
        with runtime.db.transaction() as session:
            deleted = retention.delete_unconfirmed(session)
            if deleted.addresses:
                is_announced |= secure_delete.announce_purge(runtime.db)
        addresses |= deleted.addresses
        more = deleted.more
    more = True
    while more:
        with runtime.db.transaction() as session:
            more = stored_reports.delete_old_reports(session)
    with runtime.db.transaction() as session:
        if thanked := thank_you.delete_old(session):
            is_announced |= secure_delete.announce_purge(runtime.db)
    secure_delete.purge(runtime.db, *addresses, *thanked, is_announced=is_announced)
    if is_interval_over(runtime, LAST_REDUCTION_KEY, DAY):
        _reduce_past_subscriptions(runtime)
    secure_delete.purge_pending(runtime.db)


def _reduce_past_subscriptions(runtime: Runtime) -> None:
    """Reduce what is kept of readers whose subscription ended long ago, some at a time.

    Once a day: afterwards SQLite's file is written anew, since it may hold copies of any of the addresses.
    """
    settings = runtime.settings
    more = True
    while more and not shutdown.requested():
        with runtime.db.transaction() as session:
            count = past_subscriptions.reduce_ended(
                session, settings.suppression_key, settings.ended_subscriptions_kept_for, by=CLOCK
            )
            if count:
                secure_delete.announce_purge(runtime.db)
            more = count > 0
    more = True
    while more and not shutdown.requested():
        with runtime.db.transaction() as session:
            more = past_subscriptions.delete_old_evidence(session, settings.consent_kept_for)
