"""Reporting the progress of dead processes of this host, before their leases are over.

Only this host has their files. If another one took the batch back first, it would send again what they had sent since
their last renewal.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from newsletter.core.db import Database
from newsletter.delivery.ledger import lost_workers
from newsletter.delivery.ledger.models import BatchState
from newsletter.delivery.sending.progress_files import AbandonedProgress, ProgressFiles

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=30)
"""The time for which a file is kept whose batch the database does not know: a backup may be restored for a while."""


def report_abandoned(db: Database, progress: ProgressFiles) -> int:
    """Record what dead processes knew, and free their batches; how many. Files that say nothing any more are deleted,
    such as those of batches that another host has finished."""
    count = 0
    for found in progress.abandoned():
        with db.transaction() as session:
            reported = _report(session, found)
            useless = reported or _is_useless(session, found)
        count += reported
        if useless:
            with suppress(FileNotFoundError):
                found.path.unlink()
    if count:
        log.warning("%d batches whose worker on this host died are free again", count)
    return count


def _report(session: Session, found: AbandonedProgress) -> bool:
    """Whether the ledger took the answers. A file without any may be just begun: its batch is not freed."""
    return bool(found.answers) and lost_workers.record_progress(
        session, found.batch_id, found.digest_key, found.attempt, found.answers
    )


def _is_useless(session: Session, found: AbandonedProgress) -> bool:
    state = lost_workers.state_of(session, found.batch_id, found.digest_key)
    if state is None:
        return time.time() - _written_at(found.path) > KEPT_FOR.total_seconds()
    return state == BatchState.DONE


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has deleted it
        return time.time()
