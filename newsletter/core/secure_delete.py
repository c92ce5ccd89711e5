"""Cleans SQLite's file after a deletion that must leave no trace. PostgreSQL removes dead rows by itself (autovacuum).

SQLite's write-ahead log still holds the pages as they were, so it is worked into the file and emptied. In the file,
`secure_delete` overwrites deleted rows, but not copies that stayed behind when rows moved from page to page (measured:
of 3 in 1000 readers). If a copy is found, VACUUM writes the file anew, while writers wait.

An empty file beside the database says that the cleaning is pending. It goes when the cleaning succeeds; after a failure
(a full disk, another process that reads the log) or a kill the clock tries again.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from newsletter.core import file_search
from newsletter.core.db import Database

log = logging.getLogger(__name__)

MOST_SEARCHED = 50
"""Texts that are looked for, each from end to end of the file. For more of them, writing it anew costs less."""


def purge(db: Database, *texts: str, is_announced: bool = False) -> None:
    """Remove `texts` from SQLite's file. A failure is logged, and the clock tries again.

    `is_announced`: what `announce_purge` returned for them.
    """
    if not db.is_sqlite:
        return
    pending = _pending_file(db)
    try:
        is_owed = pending.exists() and not is_announced  # of other texts, which `purge_pending` alone removes
        pending.touch()
        is_clean = _empty_log(db) and not is_owed
        if len(texts) > MOST_SEARCHED or (texts and file_search.contains_any(_file(db), texts)):
            is_clean = _vacuum(db)
    except (DBAPIError, OSError) as error:
        log.error("the database's file could not be cleaned after a deletion (%s); the clock tries again", _why(error))
        return
    if is_clean:
        pending.unlink(missing_ok=True)


def announce_purge(db: Database) -> bool:
    """Have `purge_pending` clean the file, unless a `purge` does it first. Called before the commit of a deletion, so
    that no kill comes between. False when another purge is pending."""
    if not db.is_sqlite or _pending_file(db).exists():
        return False
    _pending_file(db).touch()
    return True


def purge_pending(db: Database) -> None:
    """Finish an announced `purge`, or one that failed. Its texts are not known, so the whole file is written anew."""
    if not db.is_sqlite or not _pending_file(db).exists():
        return
    try:
        if _vacuum(db):
            _pending_file(db).unlink(missing_ok=True)
            log.info("the database's file is clean now")
    except (DBAPIError, OSError) as error:
        log.error("the database's file can still not be cleaned after a deletion (%s)", _why(error))


def _file(db: Database) -> Path:
    return Path(db.engine.url.database or "")


def _pending_file(db: Database) -> Path:
    return _file(db).with_name(f"{_file(db).name}-purge-pending")


def _vacuum(db: Database) -> bool:
    with db.bare() as connection:
        connection.exec_driver_sql("VACUUM")
    return _empty_log(db)


def _empty_log(db: Database) -> bool:
    """Empty the write-ahead log; False when a reader keeps it from being emptied."""
    with db.bare() as connection:
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    if busy:
        log.warning("the database's log could not be emptied while it was being read; the clock tries again")
    return not busy


def _why(error: DBAPIError | OSError) -> object:
    return error.orig if isinstance(error, DBAPIError) else error
