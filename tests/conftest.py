"""Real things to test on: each test that touches the database runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter import migrations
from newsletter.app import create_app
from newsletter.core import queue
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.core.queue import Queues
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.mail import spam_score
from newsletter.staff.rights import Role
from tests.services import compiled_once, desk, unordered
from tests.services.desk import DeskClient
from tests.services.postgres import Emptier, Postgres

CI = os.environ.get("CI") == "true"
LONGEST = (
    "tests/browser/test_every_page.py",
    "tests/browser/test_whole_day.py",
    "tests/functional/test_corrections_whole_way.py",
    "tests/functional/test_chaos.py",
)
"""Their tests take half a minute and more."""
# An example may take as long as it likes: machines are slow now and then. Each run draws others.
hypothesis.settings.register_profile("patient", deadline=None, max_examples=50)
hypothesis.settings.load_profile("patient")
compiled_once.install()
unordered.install()
POSTAL = "Dispatch, 1 Example Street, 10115 Berlin"


@pytest.fixture(scope="session", autouse=True)
def spam_programs() -> Iterator[tuple[tuple[str, ...], ...]]:
    """SpamAssassin's programs, which tests of its scores alone have: it takes two seconds for each digest that a test
    checks, and nearly all check one."""
    with pytest.MonkeyPatch.context() as patch:
        programs = spam_score._PROGRAMS
        patch.setattr(spam_score, "_PROGRAMS", ())
        yield programs


@pytest.fixture(scope="session", autouse=True)
def patient_queues() -> Iterator[None]:
    """Queues that wait for Redis longer than a second: on a busy machine it takes one, now and then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "ANSWER_WITHIN", 60.0)
        yield


@pytest.fixture(scope="session")
def postgres_url(worker_id: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test process: TEST_DATABASE_URL's server, or one of its own."""
    given = os.environ.get("TEST_DATABASE_URL")
    server = None if given else Postgres()
    base = given or (server.url("postgres") if server else "")
    name = f"newsletter_test_{worker_id}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    url = base.rsplit("/", 1)[0] + f"/{name}"
    database = Database(url)
    migrations.upgrade(database)
    database.dispose()
    yield url
    if server:
        server.stop()


@pytest.fixture(scope="session")
def emptier(postgres_url: str) -> Iterator[Emptier]:
    """Empties that database."""
    emptier = Emptier(postgres_url)
    yield emptier
    emptier.close()


@pytest.fixture
def empty_postgresql_url(postgres_url: str, emptier: Emptier) -> str:
    """That database, without a row."""
    emptier.empty()
    return postgres_url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A migrated SQLite file to copy. Whoever writes into it changes what later tests find."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrations.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    content = path.read_bytes()
    yield path
    assert path.read_bytes() == content, "a test wrote into the template"


@pytest.fixture
def empty_sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A database of the test's own, without a row."""
    path = tmp_path / "newsletter.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty, migrated database; a test that uses it runs on both kinds."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a test's own: nothing is shared with another test but the PostgreSQL server."""
    return replace(
        Settings(),
        data_dir=tmp_path,
        database_url=database_url,
        redis_url=f"unix://{tmp_path / 'no-redis.sock'}",
        public_url="https://letters.example.org",
        secret_key="a secret key for the tests",
        suppression_key=SuppressionKey("a suppression key for the tests"),
        maildir=tmp_path / "mail",
        mail_from="letters@dispatch.example",
        mail_reply_to="editors@dispatch.example",
        mail_postal_address=POSTAL,
    )


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey of this test process."""
    valkey = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    valkey.ensure()
    yield f"unix://{valkey.socket}"
    valkey.stop()


@pytest.fixture
def valkey_url(valkey: str) -> str:
    """An empty Valkey: what another test left would witness that this one's database is a backup."""
    queues = Queues(valkey)
    queues.redis.flushall()
    queues.redis.close()
    return valkey


@pytest.fixture
def queues(valkey_url: str) -> Iterator[Queues]:
    """Empty queues in a real Valkey."""
    queues = Queues(valkey_url)
    yield queues
    queues.redis.close()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application, inside its context."""
    app = create_app(settings)
    with app.app_context():
        yield app
    app.extensions["newsletter"].db.dispose()


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["newsletter"].db
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def admin(app: Flask, db: Database, settings: Settings) -> DeskClient:
    """A browser in which an admin is signed in at the desk."""
    return desk.sign_in(app, db, settings, desk.add_person(db, Role.ADMIN, settings=settings))


@pytest.fixture
def editor(app: Flask, db: Database, settings: Settings) -> DeskClient:
    """A browser in which an editor is signed in at the desk."""
    return desk.sign_in(app, db, settings, desk.add_person(db, Role.EDITOR, settings=settings))


@pytest.fixture
def author(app: Flask, db: Database, settings: Settings) -> DeskClient:
    """A browser in which an author is signed in at the desk."""
    return desk.sign_in(app, db, settings, desk.add_person(db, Role.AUTHOR, settings=settings))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes a minute: as the last test of all it would run alone. (The others stay in their order.)"""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: there, everything that tests need can be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if CI and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CI=true: no test may be skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of garbage collections: a full one took a tenth of a second."""
    gc.collect()
    gc.freeze()
