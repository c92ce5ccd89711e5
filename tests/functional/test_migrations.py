"""The migrations lead to exactly what the models say, on both databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from newsletter import migrations
from newsletter.core.db import Database
from newsletter.migrations.tables import is_of_models, metadata


def test_migrations_lead_to_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_of_models}
        context = MigrationContext.configure(connection, opts=options)
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


CHECKOUT = Path(__file__).parents[2]
NEW_COLUMNS = """
    seen_at: Mapped[datetime | None]
    seen_as: Mapped[Cadence | None] = mapped_column(EnumText(Cadence))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what migrations are made from, with two more columns in a model."""
    ignored = shutil.ignore_patterns("__pycache__", "static", "samples")
    shutil.copytree(CHECKOUT / "newsletter", tmp_path / "newsletter", ignore=ignored)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    models = tmp_path / "newsletter" / "digests" / "models.py"
    marked = "    sent_at: Mapped[datetime | None]\n"
    assert models.read_text().count(marked) == 1
    models.write_text(models.read_text().replace(marked, marked + NEW_COLUMNS))
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def make(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """`make` without the installing."""
    return run(folder, "make", "-o", ".venv/ready", "-o", ".venv/ready-for-tests", *args)


def test_make_migration_writes_the_next_number(copy: Path) -> None:
    made = make(copy, "migration", 'm=It\'s "seen"')
    assert made.returncode == 0, made.stderr
    (path,) = (copy / "newsletter" / "migrations" / "versions").glob(f"{int(migrations.head()) + 1:04}_*.py")
    written = path.read_text()
    assert 'batch_op.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))' in written
    assert 'batch_op.add_column(sa.Column("seen_as", sa.Text(), nullable=True))' in written
    assert f'down_revision = "{migrations.head()}"' in written
    assert "newsletter." not in written
    upgraded = run(copy, sys.executable, "-c", "from newsletter.cli import main; main()", "db", "upgrade")
    assert upgraded.stdout == f"The database is at revision {path.name[:4]}.\n", upgraded.stderr


def test_make_migration_asks_what_it_is_for(copy: Path) -> None:
    made = make(copy, "migration")
    assert made.returncode != 0
    assert "Say what it is for" in made.stderr
