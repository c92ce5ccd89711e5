"""Alembic migrations, run from code: `newsletter db upgrade`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from newsletter.core.db import Database
from newsletter.core.errors import ConflictError

_LOCK = 0x6E6577736C


def config() -> Config:
    """Alembic's configuration without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def head() -> str:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def present(db: Database) -> str | None:
    """The revision of the database; None for an empty one."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(db: Database) -> str:
    """Bring the database to the newest revision and return it. Several processes may do this at once.

    All steps are one transaction (SQLite's too), so a failure leaves the database as it was.
    """
    if db.is_sqlite and db.engine.url.database:
        Path(db.engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    settings = config()
    with db.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
        if not db.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
    return head()


def check(db: Database) -> None:
    """Raise ConflictError, with what to do, unless the database is at the newest revision."""
    if present(db) != head():
        raise ConflictError("The database is not at this version's structure: run `newsletter db upgrade` first.")
