"""The commands of docs/deploy.md for backup and restore, as they stand there, on both databases."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

from flask import Flask
from sqlalchemy import inspect, select, text

from newsletter import migrations
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.reader_selection import ReaderSelection, count_readers
from tests.factories import add_article, add_digest, add_readers
from tests.services.postgres import PACKAGE
from tests.services.source import CHECKOUT

SAVING = {"sqlite3", "pg_dump"}
"""The programs that make a backup; the other commands bring it back."""


def commands(kind: str) -> Iterator[tuple[bool, str]]:
    """Whether each documented command of a database saves, and the command."""
    section = (CHECKOUT / "docs/deploy.md").read_text().partition("## Backup and restore")[2].partition("\n## ")[0]
    for block in re.findall(r"^```\n(.*?)^```", section, re.M | re.S):
        if ("sqlite" in block) == (kind == "sqlite"):
            for line in block.replace("\\\n", "").splitlines():
                yield line.split()[0] in SAVING, line


def make_newer(db: Database) -> None:
    """Change the structure as a later version may: a backup must come back over that, too."""
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE later (reader BIGINT REFERENCES subscribers (id))"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def run(command: str, settings: Settings) -> None:
    given = "TEST_DATABASE_URL" in os.environ
    path = os.environ["PATH"] if given else f"{PACKAGE / 'pginstall/bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DATABASE_URL": settings.database_url}
    subprocess.run(["sh", "-c", command], check=True, cwd=settings.data_dir, env=environment, capture_output=True)


def test_what_was_saved_comes_back_and_what_came_later_does_not(app: Flask, db: Database, settings: Settings) -> None:
    kind = db.engine.dialect.name
    add_article(db, "A story")
    add_readers(db, 3)
    add_digest(db)
    saving = [line for saves, line in commands(kind) if saves]
    restoring = [line for saves, line in commands(kind) if not saves]
    assert saving
    assert restoring

    for line in saving:
        run(line, settings)
    with db.transaction() as session:
        session.delete(session.scalars(select(Subscriber)).first())
    add_article(db, "A later story")
    make_newer(db)
    db.dispose()
    for line in restoring:
        run(line, settings)

    restored = Database(settings.database_url)
    migrations.require_current(restored)
    assert not inspect(restored.engine).has_table("later")
    with restored.reading() as session:
        assert count_readers(session, ReaderSelection(), clock.now().date()).total() == 3
    restored.dispose()
    add_readers(db, 4)  # it can be written to, and numbers go on
