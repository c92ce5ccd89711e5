"""The migrations lead to exactly what the models say, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from newsletter import migrations
from newsletter.core.db import Database
from newsletter.migrations.tables import metadata


def test_migrations_lead_to_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_changes_nothing(db: Database) -> None:
    assert migrations.upgrade(db) == migrations.present(db) == migrations.head()


def test_the_newest_migration_is_the_one_with_the_highest_number() -> None:
    assert ScriptDirectory.from_config(migrations.config()).get_current_head() == migrations.head()
