"""Alembic migrations, run from code: `newsletter db upgrade`. They are numbered: 0001, 0002, …

Alembic is imported only by who migrates: it is half of a process's start.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from newsletter.core.db import Database
from newsletter.core.errors import ConflictError

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent
_LOCK = 0x6E6577736C
"""PostgreSQL's advisory lock that migrating processes take turns by; any fixed number does."""


def config() -> Config:
    """Alembic's configuration without a file."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def head() -> str:
    """The newest revision that this code knows."""
    return max(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def present(db: Database) -> str | None:
    """The revision of the database; None for an empty one."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def upgrade(db: Database) -> str:
    """Bring the database to the newest revision and return it. Several processes may do this at once.

    All steps are one transaction (SQLite's too), so a failure leaves the database as it was.
    """
    from alembic import command

    if db.is_sqlite and db.engine.url.database:
        Path(db.engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    settings = config()
    with db.engine.connect().execution_options(sqlite_begin="") as connection:
        if db.is_sqlite:  # tables may be made anew, and no pragma of this kind works inside a transaction
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.rollback()
        try:
            with connection.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin():
                if not db.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                settings.attributes["connection"] = connection
                command.upgrade(settings, "head")
                if db.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise ConflictError("The database holds rows that belong to none: nothing was changed.")
        finally:
            if db.is_sqlite:
                connection.execution_options(sqlite_begin="")
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")
                connection.rollback()
    return head()


def require_current(db: Database) -> None:
    """Raise ConflictError, with what to do, unless the database is at the newest revision."""
    if present(db) != head():
        raise ConflictError("database.not_current", "The database is not at this version's structure.")
