"""The database: one engine with two kinds of transaction, the column types, and statements that both kinds share.

SQLite serves one machine, PostgreSQL many; this package makes them behave alike.
"""

from newsletter.core.db.columns import Base, EnumText, Id, UtcDateTime, one_of
from newsletter.core.db.deferred_logs import log_after_commit
from newsletter.core.db.dialect_index import dialect_index
from newsletter.core.db.engine import Database, DatabaseTimeouts
from newsletter.core.db.public_content import IS_PUBLIC, raise_version
from newsletter.core.db.statements import (
    dialect_insert,
    epoch_now,
    has_byte,
    insert_ignoring,
    plain_rows,
    rows_where_in,
    table_of,
    unindexed,
)
from newsletter.core.db.streaming import stream_rows

__all__ = [
    "IS_PUBLIC",
    "Base",
    "Database",
    "DatabaseTimeouts",
    "EnumText",
    "Id",
    "UtcDateTime",
    "dialect_index",
    "dialect_insert",
    "epoch_now",
    "has_byte",
    "insert_ignoring",
    "log_after_commit",
    "one_of",
    "plain_rows",
    "raise_version",
    "rows_where_in",
    "stream_rows",
    "table_of",
    "unindexed",
]
