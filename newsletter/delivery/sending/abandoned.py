"""Reporting the progress of dead processes of this host, before their leases are over.

Only this host has their files. If another one took the batch back first, it would send again what they had sent since
their last renewal.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from newsletter.core.db import Database
from newsletter.delivery.ledger import lost_workers
from newsletter.delivery.sending.progress_files import ProgressFiles

log = logging.getLogger(__name__)


def report_abandoned(db: Database, progress: ProgressFiles) -> int:
    """Record what dead processes knew, and free their batches; how many. Files that say nothing any more are deleted,
    such as those of batches that another host has finished."""
    count = 0
    for found in progress.abandoned():
        with db.transaction() as session:
            reported = lost_workers.record_progress(
                session, found.batch_id, found.digest_key, found.attempt, found.accepted
            )
            useless = reported or lost_workers.is_finished(session, found.batch_id, found.digest_key)
        count += reported
        if useless:
            with suppress(FileNotFoundError):
                found.path.unlink()
    if count:
        log.warning("%d batches whose worker on this host died are free again", count)
    return count
