"""A database that is empty, old, too new or another program's: nothing starts on it, and a sentence says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from newsletter import migrations
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from tests.functional.test_wrong_settings import environment, start

KINDS = {
    "empty": "database.empty",
    "emptied": "database.empty",
    "another program's": "database.foreign",
    "another program's, by Alembic too": "database.foreign",
    "of a newer version": "database.newer",
    "of an older version": "database.not_current",
}
MENDED_BY_UPGRADE = ("database.empty", "database.not_current")


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database that holds nothing."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'newsletter.sqlite3'}")
        yield database
        database.dispose()
        return
    postgres: str = request.getfixturevalue("postgres_url")
    server = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS newsletter_wrong"))
        connection.execute(text("CREATE DATABASE newsletter_wrong"))
    server.dispose()
    database = Database(f"{postgres.rpartition('/')[0]}/newsletter_wrong")
    yield database
    database.dispose()


def fill(database: Database, kind: str) -> None:
    if kind.startswith("of a"):
        migrations.upgrade(database, "0001" if "older" in kind else "head")
    with database.engine.begin() as connection:
        if kind == "emptied" or kind.endswith("too"):
            connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        if kind.startswith("another"):
            connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
        if kind.endswith("too"):
            connection.execute(text("INSERT INTO alembic_version VALUES ('ae1027a6acf')"))
        if "newer" in kind:
            connection.execute(text("UPDATE alembic_version SET version_num = '9901'"))


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_recognised(bare: Database, kind: str) -> None:
    fill(bare, kind)
    with pytest.raises(ConflictError) as caught:
        migrations.require_current(bare)
    assert caught.value.code == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_upgrade_touches_nothing_that_is_not_ours(bare: Database, kind: str) -> None:
    fill(bare, kind)
    before = tables(bare)
    if KINDS[kind] in MENDED_BY_UPGRADE:
        migrations.upgrade(bare)
        migrations.require_current(bare)
    else:
        with pytest.raises(ConflictError) as caught:
            migrations.upgrade(bare)
        assert (caught.value.code, tables(bare)) == (KINDS[kind], before)


@pytest.mark.parametrize("bare", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("process", "kind", "said"),
    [
        ("web", "empty", "The database is empty. Are DATABASE_URL and DATA_DIR right? `newsletter db upgrade` makes"),
        ("web", "another program's", "The database holds the tables of another program. Give this service"),
        ("worker", "empty", "The database is empty. Are"),
        ("worker", "of a newer version", "which only a newer version than this one knows. Install that version"),
        ("clock", "empty", "The database is empty. Are"),
        ("clock", "of an older version", "The database is at revision 0001, and this version needs"),
    ],
)
def test_no_process_starts_on_it(bare: Database, tmp_path: Path, process: str, kind: str, said: str) -> None:
    fill(bare, kind)
    before = tables(bare)
    with environment(tmp_path, MAIL_POSTAL_ADDRESS="1 Example Street"):
        ran = start("newsletter", process)
    assert said in ran.stderr
    assert (ran.returncode, ran.stderr.count("\n"), tables(bare)) == (1, 1, before)
