"""While the database cannot be used, every page says so with 503, and a program learns when to ask again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from flask.testing import FlaskClient

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.factories import form_token
from tests.services.desk import DeskClient

SENTENCE = "It is our fault, and it has been noted. Try again in a minute."


@contextmanager
def _without_file(settings: Settings) -> Iterator[None]:
    """The file's place cannot be opened, as that of a disk that was not mounted."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    kept = path.rename(path.with_suffix(".kept"))
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        kept.rename(path)


@contextmanager
def _without_server(settings: Settings) -> Iterator[None]:
    """The server takes no connection, as while it starts."""
    url = urlsplit(settings.database_url)
    name = url.path.strip("/")
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            server.execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def away(db: Database, settings: Settings, client: FlaskClient) -> Iterator[None]:
    assert client.get("/healthz").status_code == 200
    db.dispose()
    with (_without_file if db.is_sqlite else _without_server)(settings):
        yield
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("path", ["/healthz", "/", "/articles", "/letters/1", "/preferences/" + "a" * 22, "/desk/"])
def test_a_page_is_503(path: str, client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "This does not work at the moment" in answer.text
    assert SENTENCE in answer.text
    assert "public" not in answer.headers["Cache-Control"]
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.getMessage().startswith("no database in GET /")
    assert "a" * 22 not in caplog.text
    assert record.exc_info is None, "one line: an hour without a database fills no disk"


@pytest.mark.usefixtures("away")
def test_a_program_gets_problem_details(client: FlaskClient) -> None:
    answer = client.get("/articles", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["detail"] == SENTENCE


def test_a_signup_is_not_called_done(client: FlaskClient, away: None) -> None:
    data = {"email": "ada@example.org", "form_token": form_token()}
    assert client.post("/subscribe", data=data).status_code == 503


@pytest.fixture
def fail(db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has pages execute these statements first."""

    def execute(*statements: str) -> None:
        def version() -> None:
            with db.reading() as session:
                for statement in statements:
                    session.connection().exec_driver_sql(statement)

        for module in ("page_cache", "navigation"):
            monkeypatch.setattr(f"newsletter.web.{module}.public_version", version)

    return execute


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_statement_that_took_too_long_is_named(
    client: FlaskClient, fail: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    fail("SET LOCAL statement_timeout = 50", "SELECT pg_sleep(60)")
    assert client.get("/articles").status_code == 503
    assert "canceling statement due to statement timeout" in caplog.text
    assert "pg_sleep" in caplog.text


def test_a_wrong_statement_is_a_fault_of_ours(
    client: FlaskClient, fail: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    fail("SELECT nothing_like_it FROM articles")
    assert client.get("/articles").status_code == 500
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.exc_info, "with its traceback, since somebody has to mend it"


def test_a_wrong_statement_at_the_desk_is_said_in_a_page_of_the_desk(
    editor: DeskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_arguments: object, **_named: object) -> None:
        with db.reading() as session:
            session.connection().exec_driver_sql("SELECT nothing_like_it FROM articles")

    monkeypatch.setattr("newsletter.web.desk.compose.composer_values", wrong)
    answer = editor.get("/desk/digests/1/compose")
    assert answer.status_code == 500
    assert "To the desk" in answer.text
