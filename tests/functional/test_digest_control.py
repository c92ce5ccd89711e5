"""Overdue digests, temporary refusals, restored backups: digests that wait for an editor, and what an editor can do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.core.ids import BatchId
from newsletter.core.queue import Queues
from newsletter.core.runtime import Runtime, runtime
from newsletter.delivery.ledger import restore_guard
from newsletter.delivery.ledger.models import Batch, BatchState, ClockTick, Refusal
from newsletter.delivery.ledger.restore_guard import RestoreWitness
from newsletter.delivery.reports.status import digest_status
from newsletter.delivery.sending import draining
from newsletter.digests import scheduling
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.operations.tick import tick
from tests.factories import add_article, add_digest, add_readers, schedule_now, send_digest
from tests.services import editor

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def settings(settings: Settings, queues: Queues, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


@pytest.fixture
def frozen(app: Flask, db: Database, settings: Settings) -> int:
    """A digest to three readers, frozen."""
    add_article(db, "A story")
    add_readers(db, 3)
    return send_digest(db, settings)


def read(db: Database, digest_id: int) -> Digest:
    with db.reading() as session:
        return get_digest(session, digest_id)


def accepted(db: Database, digest_id: int) -> int:
    with db.reading() as session:
        return digest_status(session, digest_id).accepted


class TestOverdue:
    def test_it_waits_and_says_so_and_resuming_sends_it(self, db: Database, settings: Settings) -> None:
        add_article(db, "A story")
        add_readers(db, 3)
        digest_id = schedule_now(db, settings)
        with clock.set_to(clock.now() + timedelta(hours=3)):
            tick(runtime())
            digest = read(db, digest_id)
            assert (digest.status, digest.paused_reason, digest.frozen_at) == ("paused", "overdue", None)
            assert digest.paused_note
            with db.transaction() as session:
                assert editor.resume(session, digest_id).status == "scheduled"
            tick(runtime())
            draining.drain(runtime())
        assert accepted(db, digest_id) == 3

    def test_a_little_late_is_not_overdue(self, db: Database, settings: Settings) -> None:
        add_article(db, "A story")
        digest_id = schedule_now(db, settings)
        with clock.set_to(clock.now() + timedelta(minutes=90)):
            tick(runtime())
        assert read(db, digest_id).frozen_at is not None


class TestRetry:
    @pytest.fixture
    def refused(self, db: Database, frozen: int) -> int:
        """A sent digest with two refusals: one permanent, one temporary."""
        draining.drain(runtime())
        with db.transaction() as session:
            session.scalars(select(Batch)).one().outcomes = b"arr"
            for reader, temporary in ((2, False), (3, True)):
                refusal = Refusal(digest_id=frozen, subscriber_id=reader, reason="full", temporary=temporary)
                session.add(refusal)
        return frozen

    def test_exactly_the_temporary_refusals_are_sent_again(
        self, db: Database, settings: Settings, refused: int
    ) -> None:
        for path in (settings.maildir / "new").iterdir():
            path.unlink()
        with db.transaction() as session:
            assert editor.retry(session, refused) == 1
            session.flush()
            assert digest_status(session, refused).waiting == 1
        draining.drain(runtime())
        assert read(db, refused).status == "sent"
        assert accepted(db, refused) == 2
        (path,) = (settings.maildir / "new").iterdir()
        assert b"To: r3@readers.example" in path.read_bytes()
        with db.reading() as session:
            assert [refusal.subscriber_id for refusal in session.scalars(select(Refusal))] == [2]

    def test_not_after_a_cancellation(self, db: Database, refused: int) -> None:
        with db.transaction() as session:
            get_digest(session, refused).status = DigestStatus.CANCELLED
        with db.transaction() as session, pytest.raises(ConflictError, match="cancelled"):
            editor.retry(session, refused)


class TestRestored:
    """The number of ticks is known outside the database too; a database that knows fewer is a restored backup."""

    @pytest.fixture
    def witness(self, settings: Settings, queues: Queues) -> RestoreWitness:
        return RestoreWitness(settings.data_dir, queues.redis)

    def test_a_running_send_goes_on(self, db: Database, frozen: int) -> None:
        tick(runtime(), first=True)
        tick(runtime())
        tick(runtime(), first=True)  # the clock was started anew
        assert read(db, frozen).status == "sending"

    def test_a_restored_database_waits(self, db: Database, frozen: int, witness: RestoreWitness) -> None:
        tick(runtime(), first=True)
        last = witness.last()
        assert last
        witness.tell(last + 5)
        assert draining.drain(runtime()) is False
        assert accepted(db, frozen) == 0, "a worker that starts before the clock sends nothing"
        tick(runtime(), first=True)
        digest = read(db, frozen)
        assert (digest.status, digest.paused_reason) == ("paused", "restored")
        with db.transaction() as session:
            editor.resume(session, frozen)
        tick(runtime())
        draining.drain(runtime())
        assert accepted(db, frozen) == 3

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_copy_of_the_file_put_back(self, db: Database, settings: Settings, frozen: int, tmp_path: Path) -> None:
        tick(runtime(), first=True)
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(path, tmp_path / "backup")
        for _ in range(3):
            tick(runtime())
        db.dispose()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup", path)
        tick(runtime(), first=True)
        assert read(db, frozen).paused_reason == "restored"

    def test_a_digest_that_is_still_to_come_waits_too(
        self, db: Database, settings: Settings, witness: RestoreWitness
    ) -> None:
        add_article(db, "A story")
        digest_id = add_digest(db)
        with db.transaction() as session:
            scheduling.schedule_digest(session, settings, digest_id, clock.now() + timedelta(days=1), by=OPERATOR)
        witness.tell(7)
        tick(runtime(), first=True)
        assert read(db, digest_id).paused_reason == "restored"

    def test_nobody_knows_the_database(self, db: Database, settings: Settings, frozen: int, queues: Queues) -> None:
        """On a new machine, say: neither file nor Redis. Scheduled digests may have been sent before the backup too."""
        add_article(db, "Another story")
        to_come = add_digest(db)
        with db.transaction() as session:
            scheduling.schedule_digest(session, settings, to_come, clock.now() + timedelta(minutes=20), by=OPERATOR)
        tick(runtime(), first=True)
        (settings.data_dir / "tick").unlink()
        queues.redis.flushall()
        with clock.set_to(clock.now() + timedelta(minutes=30)):
            tick(runtime(), first=True)
        assert read(db, frozen).paused_reason == "restored"
        assert read(db, to_come).paused_reason == "restored"

    def test_a_standby_that_loses_redis_for_a_moment_pauses_nothing(
        self, db: Database, settings: Settings, frozen: int, queues: Queues
    ) -> None:
        tick(runtime(), first=True)
        (settings.data_dir / "tick").unlink()
        queues.redis.flushall()
        tick(runtime(), first=True)
        assert read(db, frozen).status == "sending"

    def test_a_lost_redis_alone_is_no_restored_backup(
        self, db: Database, settings: Settings, frozen: int, queues: Queues
    ) -> None:
        tick(runtime(), first=True)
        queues.redis.flushall()
        tick(runtime(), first=True)
        assert read(db, frozen).status == "sending"

    def test_after_a_long_time_an_editor_decides(self, db: Database, frozen: int) -> None:
        tick(runtime(), first=True)
        with clock.set_to(clock.now() + timedelta(hours=5)):
            tick(runtime(), first=True)
        assert read(db, frozen).paused_reason == "restored"

    def test_a_digest_that_was_sent_between_two_ticks(
        self, db: Database, settings: Settings, frozen: int, witness: RestoreWitness
    ) -> None:
        """The backup is of the moment after the freeze: the same tick, and nothing is sent."""
        tick(runtime(), first=True)
        draining.drain(runtime())
        assert accepted(db, frozen) == 3
        as_before_the_sending(db)
        assert draining.drain(runtime()) is False
        tick(runtime(), first=True)
        assert read(db, frozen).paused_reason == "restored"
        with db.transaction() as session:
            editor.resume(session, frozen)
        tick(runtime())
        assert read(db, frozen).status == "sending", "the same knowledge pauses it once"

    def test_a_digest_whose_freeze_is_missing(
        self, db: Database, settings: Settings, frozen: int, witness: RestoreWitness
    ) -> None:
        """The backup is of the moment before the freeze."""
        tick(runtime(), first=True)
        draining.drain(runtime())
        with db.transaction() as session:
            session.execute(delete(Batch))
            session.execute(update(Digest).values(status=DigestStatus.SCHEDULED, frozen_at=None))
        tick(runtime(), first=True)
        assert read(db, frozen).paused_reason == "restored"

    def test_the_witness_keeps_the_highest_batch(self, witness: RestoreWitness, queues: Queues) -> None:
        for batch, attempt in ((2, 1), (3, 2), (3, 1), (1, 9)):
            witness.tell_batch(BatchId(batch), attempt)
        highest = witness.highest_batch()
        queues.redis.flushall()
        assert witness.highest_batch() == highest
        assert divmod(highest, 1 << 20) == (3, 2)

    def test_a_freeze_is_a_tick(self, db: Database, settings: Settings, witness: RestoreWitness) -> None:
        tick(runtime(), first=True)
        before = witness.last() or 0
        add_article(db, "Another story")
        send_digest(db, settings)
        with db.reading() as session:
            assert session.get_one(ClockTick, 1).number == before + 1

    def test_by_hand(self, db: Database, frozen: int) -> None:
        with db.transaction() as session:
            assert restore_guard.pause_open_digests(session, by=OPERATOR) == [frozen]
        assert read(db, frozen).paused_reason == "restored"


def as_before_the_sending(db: Database) -> None:
    """The database as a backup has it that was made just before a worker claimed the first batch."""
    with db.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.READY, attempt=0, outcomes=b"www", lease_until=None))
        session.execute(update(Digest).values(status=DigestStatus.SENDING, sent_at=None))


def test_two_clocks_freeze_once(db: Database, settings: Settings, app: Flask) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    digest_id = schedule_now(db, settings)
    other = Runtime(settings, Database(settings.database_url))
    for clock_process in (runtime(), other, runtime(), other):
        tick(clock_process)
    other.db.dispose()
    with db.reading() as session:
        assert digest_status(session, digest_id).recipients == 3
