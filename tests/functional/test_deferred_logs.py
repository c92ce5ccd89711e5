"""Logs say what is done: a line about a transaction is written after its commit, and not at all after a rollback."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest
from sqlalchemy import event, select

from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database, log_after_commit
from newsletter.privacy import erasure
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber

log = logging.getLogger(__name__)


class LostError(Exception):
    """The database is lost."""


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")


def test_a_line_comes_after_the_commit(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with db.transaction() as session:
        log_after_commit(session, log).info("%d erased", 1)
        log_after_commit(session, log).error("and so on")
        assert caplog.messages == []
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        (__name__, "INFO", "1 erased"),
        (__name__, "ERROR", "and so on"),
    ]


def test_a_rollback_drops_them(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with suppress(LostError), db.transaction() as session:
        log_after_commit(session, log).info("erased")
        raise LostError
    assert caplog.messages == []


def test_that_of_a_savepoint_drops_its_own(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with db.transaction() as session:
        log_after_commit(session, log).info("before")
        with session.begin_nested():
            log_after_commit(session, log).info("within")
        with suppress(LostError), session.begin_nested():
            log_after_commit(session, log).info("lost")
            with session.begin_nested():
                log_after_commit(session, log).info("lost with it")
            raise LostError
        log_after_commit(session, log).info("after")
        assert caplog.messages == []
    assert caplog.messages == ["before", "within", "after"]


def test_no_erasure_is_logged_that_the_database_did_not_take(
    db: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org")])
    caplog.clear()

    def erase() -> None:
        with db.transaction() as session:
            reader = session.scalars(select(Subscriber)).one()
            erasure.erase_subscriber(session, settings.suppression_key, reader, by=OPERATOR)

    def fail(_connection: object) -> None:
        raise LostError

    event.listen(db.engine, "commit", fail)
    with pytest.raises(LostError):
        erase()
    event.remove(db.engine, "commit", fail)
    assert "erase" not in caplog.text
    erase()
    assert "subscriber 1: erase, by operator" in caplog.text
