"""Filling an empty database with it."""

from __future__ import annotations

from sqlalchemy import exists, select, text

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.subscribers.models import Subscriber
from tests.large_world import archive, present, readers
from tests.large_world.present import Present


class NotEmptyError(Exception):
    """The database has readers: it may be somebody's."""


def fill_world(db: Database, settings: Settings, *, count: int, stories: int) -> Present:
    """Fill a migrated database with so many readers and stories (at least 200), in a minute or two for a million.

    Raises NotEmptyError.
    """
    with db.reading() as session:
        if session.scalar(select(exists(select(Subscriber.id)))):
            raise NotEmptyError
    archive.fill_stories(db, stories)
    archive.fill_digests(db, stories)
    archive.fill_audit_log(db, stories)
    readers.fill_readers(db, count)
    found = present.fill_present(db, settings)
    _analyze(db)
    return found


def _analyze(db: Database) -> None:
    """Let PostgreSQL know its tables, as autovacuum does by itself after a while. SQLite is asked for nothing."""
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
