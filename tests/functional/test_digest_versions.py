"""An edit and a schedule at the same moment: what is scheduled is what the preflight looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.digests import composing, preflight, scheduling
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_digest
from tests.services.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("app")

Act = Callable[[Session], object]

CHECKED = "The subject that was checked"
UNCHECKED = "A later subject"


@pytest.fixture
def digest_id(db: Database) -> int:
    add_article(db, "A story")
    return add_digest(db, subject=CHECKED)


@pytest.fixture
def edit(digest_id: int) -> Act:
    return lambda session: composing.edit_draft(session, digest_id, subject=UNCHECKED, by=OPERATOR)


@pytest.fixture
def schedule(digest_id: int, settings: Settings, seen: list[str]) -> Act:
    return lambda session: scheduling.schedule_digest(
        session, settings, digest_id, clock.now() + timedelta(hours=1), by=OPERATOR
    )


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects that the preflight looks at."""
    subjects: list[str] = []
    check_digest = preflight.check_digest

    def look(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
        subjects.append(digest.subject)
        return check_digest(session, settings, digest)

    monkeypatch.setattr(preflight, "check_digest", look)
    return subjects


@contextmanager
def in_another_transaction(db: Database, act: Act) -> Iterator[Future[None]]:
    """Run `act` in a thread while the body's transaction is open; on PostgreSQL it has come to wait for that one."""

    def run() -> None:
        with db.transaction() as session:
            act(session)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        wait_until_blocked(db, future)
        yield future


def wait_until_blocked(db: Database, future: Future[None]) -> None:
    """SQLite's writer waits in BEGIN, which nothing shows: there a moment has to do."""
    if db.is_sqlite:
        sleep(0.2)
        return
    end = monotonic() + PATIENCE
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(text(waiting)):
            assert monotonic() < end, "the other transaction does not wait"
            assert not future.done(), "the other transaction did not wait"
            sleep(0.01)


def outcome(db: Database, digest_id: int) -> tuple[str, str, int]:
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        return digest.status, digest.subject, digest.version


def test_a_schedule_that_waits_for_an_edit(db: Database, digest_id: int, edit: Act, schedule: Act) -> None:
    with db.transaction() as session:
        edit(session)
        session.flush()
        with in_another_transaction(db, schedule) as scheduled:
            session.commit()
    if db.is_sqlite:  # it could not begin before, and so has looked at the new subject
        scheduled.result()
        assert outcome(db, digest_id) == (DigestStatus.SCHEDULED, UNCHECKED, 3)
    else:
        with pytest.raises(ConflictError) as refused:
            scheduled.result()
        assert refused.value.code == "digest.changed"
        assert outcome(db, digest_id) == (DigestStatus.DRAFT, UNCHECKED, 2)


def test_an_edit_that_waits_for_a_schedule(db: Database, digest_id: int, edit: Act, schedule: Act) -> None:
    with db.transaction() as session:
        schedule(session)
        with in_another_transaction(db, edit) as edited:
            session.commit()
    with pytest.raises(ConflictError) as refused:
        edited.result()
    assert refused.value.code == "digest.wrong_status"
    assert outcome(db, digest_id) == (DigestStatus.SCHEDULED, CHECKED, 2)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_edit_of_what_was_read_before_a_schedule(
    db: Database, digest_id: int, edit: Act, schedule: Act, seen: list[str]
) -> None:
    with db.transaction() as editor:
        read = get_digest(editor, digest_id)
        with db.transaction() as session:
            schedule(session)
        with pytest.raises(ConflictError, match="is scheduled and cannot be edited"):
            edit(editor)
        assert read.subject == CHECKED
    assert outcome(db, digest_id) == (DigestStatus.SCHEDULED, CHECKED, 2)
    assert seen == [CHECKED]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_schedule_of_what_was_read_before_an_edit(
    db: Database, digest_id: int, edit: Act, schedule: Act, seen: list[str]
) -> None:
    with db.transaction() as scheduler:
        read = get_digest(scheduler, digest_id)
        with db.transaction() as session:
            edit(session)
        with pytest.raises(ConflictError, match="changed in the meantime"):
            schedule(scheduler)
        assert read.subject == UNCHECKED, "the error shows what is there now"
    assert outcome(db, digest_id) == (DigestStatus.DRAFT, UNCHECKED, 2)
    assert seen == [CHECKED]
