"""Alembic migrations, run from code. They are numbered: 0001, 0002, …

Alembic is imported only where something is migrated: it takes half of a process's start.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from newsletter.core.db import Database
from newsletter.core.errors import ConfigurationError, ConflictError

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
_VERSION_TABLE = "alembic_version"
_NUMBER = re.compile(r"[0-9]{4}")
_LOCK = 0x6E6577736C
"""The number of PostgreSQL's advisory lock, which one migrating process holds at a time; any fixed number does."""


def config() -> Config:
    """Alembic's configuration without a file."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def head() -> str:
    """The newest revision that this code knows."""
    return max(_revisions())


def present(db: Database) -> str | None:
    """The revision of the database; None for an empty one."""
    with db.engine.connect() as connection:
        return _revision(connection, inspect(connection).get_table_names())


def require_current(db: Database) -> None:
    """Raise ConflictError unless the database is ours and at the newest revision."""
    with db.engine.connect() as connection:
        found = _require_own(connection)
    if found is None:
        raise ConflictError("database.empty", "The database is empty.")
    if found != head():
        raise ConflictError(
            "database.not_current",
            "The database is at revision %(found)s, and this version needs %(head)s.",
            found=found,
            head=head(),
        )


def _require_own(connection: Connection) -> str | None:
    """The revision of a database that is ours, None for an empty one. Raises ConflictError for one of another program,
    or of a newer version of this one."""
    tables = inspect(connection).get_table_names()
    found = _revision(connection, tables)
    if found is None and set(tables) <= {_VERSION_TABLE}:
        return None
    if found is not None and _NUMBER.fullmatch(found) and found > head():
        raise ConflictError(
            "database.newer",
            "The database is at revision %(found)s, which only a newer version than this one knows.",
            found=found,
        )
    if found not in _revisions():
        raise ConflictError("database.foreign", "The database holds the tables of another program.")
    return found


def _revision(connection: Connection, tables: Collection[str]) -> str | None:
    if _VERSION_TABLE not in tables:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _revisions() -> set[str]:
    return {path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py")}


def upgrade(db: Database, revision: str = "head") -> str:
    """Bring the database to `revision` and return the present one. Several processes may do this at once.

    All steps are one transaction (SQLite's too), so a failure leaves the database as it was. Raises ConflictError for a
    database of another program or of a newer version.
    """
    from alembic import command

    settings = config()
    if db.is_sqlite:
        _require_fts5()
        _make_folder(Path(db.engine.url.database or ""))
    with _one_transaction(db) as connection:
        _require_own(connection)
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    return present(db) or ""


def _require_fts5() -> None:
    """Raise ConfigurationError where this Python's SQLite was built without FTS5, which the search needs."""
    import sqlite3

    with closing(sqlite3.connect(":memory:")) as connection:
        known = connection.execute("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    if not known[0]:
        raise ConfigurationError(
            "database.no_fts5", "The SQLite of this Python was built without FTS5, which the search needs."
        )


def upgrade_in_child(db: Database) -> None:
    """Bring the database to the newest revision, in a process of its own: this one may be about to fork, and Alembic is
    large. Raises ConflictError when that fails."""
    if _is_current(db):
        return
    db.dispose()  # no connection crosses a fork
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            upgrade(db)
            code = 0
        except Exception:
            log.exception("the database cannot be brought to this version's structure")
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise ConflictError("database.not_upgraded", "The database cannot be brought to this version's structure.")


def _is_current(db: Database) -> bool:
    """Whether nothing is to be done; an SQLite database that is not there yet stays so."""
    if db.is_sqlite and not Path(db.engine.url.database or "").exists():
        return False
    return present(db) == head()


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            "database.no_folder",
            "The folder of the database cannot be made: %(folder)s: %(reason)s.",
            folder=file.parent,
            reason=error.strerror,
        ) from error


@contextmanager
def _one_transaction(db: Database) -> Iterator[Connection]:
    """A connection in a transaction that no other migration shares; committed at the end."""
    with db.engine.connect() as connection:
        if db.is_sqlite:
            with _without_foreign_keys(connection), connection.begin():
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise ConflictError(
                        "database.orphans", "The database holds rows whose parents are missing: nothing was changed."
                    )
        else:
            with connection.begin():
                connection.execute(text("SET LOCAL statement_timeout = 0"))  # tables can be large
                connection.execute(text("SET LOCAL lock_timeout = 0"))  # another process may be migrating
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Switch SQLite's foreign keys off, since a migration may drop a table that others refer to and make it anew.

    The pragma does nothing inside a transaction, so it gets none; within, a transaction begins IMMEDIATE.
    """
    _set_foreign_keys(connection, "OFF")
    connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
    try:
        yield
    finally:
        _set_foreign_keys(connection, "ON")


def _set_foreign_keys(connection: Connection, switch: str) -> None:
    connection.execution_options(sqlite_begin="")
    connection.exec_driver_sql(f"PRAGMA foreign_keys={switch}")
    connection.rollback()  # ends what SQLAlchemy takes for a transaction
