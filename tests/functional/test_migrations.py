"""The migrations lead to exactly what the models say, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from newsletter import migrations
from newsletter.core.db import Database
from newsletter.migrations.tables import metadata


def test_migrations_lead_to_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_ids_are_given_once(db: Database) -> None:
    """SQLite gives an id again unless the table says otherwise; a copy of a table in a migration easily forgets it."""
    promised = {table.name for table in metadata.sorted_tables if table.dialect_options["sqlite"]["autoincrement"]}
    assert {"subscribers", "batches", "digests"} <= promised
    if db.is_sqlite:
        with db.engine.connect() as connection:
            found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
            tables: dict[str, str] = dict(found)
        assert {name for name, sql in tables.items() if "AUTOINCREMENT" in sql} == promised


def test_upgrading_again_changes_nothing(db: Database) -> None:
    assert migrations.upgrade(db) == migrations.present(db) == migrations.head()


def test_the_newest_migration_is_the_one_with_the_highest_number() -> None:
    assert ScriptDirectory.from_config(migrations.config()).get_current_head() == migrations.head()
