"""After a deletion that must leave no trace: SQLite's file is cleaned. PostgreSQL removes dead rows by itself
(autovacuum).

SQLite's write-ahead log still has the pages as they were: it is worked into the file and emptied. In the file,
`secure_delete` overwrites what is deleted, but not the copies that stay behind when rows move from page to page
(measured: of 3 in 1000 readers). Where one is found, VACUUM writes the file anew; writers wait meanwhile.

When that fails (the disk is full, somebody holds the file or reads from the log) or is killed, an empty file beside the
database's says that it is owed, and the clock does it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from newsletter.core import file_search
from newsletter.core.db import Database

log = logging.getLogger(__name__)


def purge(db: Database, *texts: str) -> None:
    """See to it that SQLite's file holds `texts` no more; what fails is logged and owed."""
    if not db.is_sqlite:
        return
    owed = _owed(db)
    try:
        owed.touch()
        is_clean = _empty_log(db)
        if texts and file_search.contains_any(_file(db), texts):
            is_clean = _vacuum(db)
    except (DBAPIError, OSError) as error:
        log.error("the database's file could not be cleaned after an erasure (%s); the clock tries again", _why(error))
        return
    if is_clean:
        owed.unlink(missing_ok=True)


def purge_pending(db: Database) -> None:
    """Do what an earlier `scrub` could not. Nobody knows the texts any more, so the whole file is written anew."""
    if not db.is_sqlite or not _owed(db).exists():
        return
    try:
        if _vacuum(db):
            _owed(db).unlink(missing_ok=True)
            log.info("the database's file is clean now")
    except (DBAPIError, OSError) as error:
        log.error("the database's file can still not be cleaned after an erasure (%s)", _why(error))


def _file(db: Database) -> Path:
    return Path(db.engine.url.database or "")


def _owed(db: Database) -> Path:
    return _file(db).with_name(f"{_file(db).name}-scrub-owed")


def _vacuum(db: Database) -> bool:
    with db.bare() as connection:
        connection.exec_driver_sql("VACUUM")
    return _empty_log(db)


def _empty_log(db: Database) -> bool:
    """Whether it is empty now: somebody who is reading keeps it."""
    with db.bare() as connection:
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    if busy:
        log.warning("the database's log could not be emptied, since somebody was reading; the clock tries again")
    return not busy


def _why(error: DBAPIError | OSError) -> object:
    return error.orig if isinstance(error, DBAPIError) else error
