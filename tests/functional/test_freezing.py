"""Freezing: everyone is counted once, by edition, and later edits change nothing of the mail."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database, streaming
from newsletter.delivery.freezing import audience, freeze
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, BatchState, Edition
from newsletter.delivery.reports.status import digest_status
from newsletter.digests import lifecycle
from newsletter.digests.queries import get_digest
from newsletter.serializers.digests import digest_state_json
from tests.factories import add_article, add_readers, schedule_now, send_digest


def test_every_reader_stands_in_one_batch_of_the_edition_that_fits(db: Database, settings: Settings) -> None:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A research story", section="Research", trust=50)
    add_readers(db, 3)
    add_readers(db, 2, start=4, sections=["Research"])
    add_readers(db, 1, start=6, min_trust=60)
    add_readers(db, 2, start=7, sections=["Gardening"])
    digest_id = send_digest(db, settings)
    with db.reading() as session:
        rows = session.execute(select(Edition.mask, Batch.state, Batch.recipients).join(Batch.edition)).all()
        sizes = Counter({(mask, state): len(packing.unpack_ids(packed)) for mask, state, packed in rows})
        assert digest_state_json(digest_status(session, digest_id)) == {
            "id": digest_id, "status": "sending", "paused_reason": None, "recipients": 8, "accepted": 0, "refused": 0,
            "skipped": 2, "in_doubt": 0, "waiting": 6, "unanswered": 0, "deferred": 0, "cancelled": 0,
            "until_hour": 0, "last_hour": None,
        }  # fmt: skip
    # Bit 0 is the digest's first article: of one day the most trusted, the policy story.
    assert sizes == {(0b11, "ready"): 3, (0b01, "ready"): 1, (0b10, "ready"): 2, (0, "done"): 2}
    ids = [i for *_, packed in rows for i in packing.unpack_ids(packed)]
    assert sorted(ids) == list(range(1, 9))


def test_batches_hold_a_thousand_at_most(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 2001)
    send_digest(db, settings)
    with db.reading() as session:
        outcomes = session.scalars(select(Batch.outcomes).order_by(Batch.id)).all()
    assert [len(each) for each in outcomes] == [1000, 1000, 1]


def test_readers_are_read_by_one_statement_some_at_a_time(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would sort all of a table without statistics for each page of ids."""
    monkeypatch.setattr(streaming, "ROWS_AT_ONCE", 3)
    add_article(db, "A story")
    add_readers(db, 10)
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *values: statements.append(values[2]))
    digest_id = send_digest(db, settings)
    assert sum("FROM subscribers" in each and "ORDER BY subscribers.id" in each for each in statements) == 1
    with db.reading() as session:
        packed = session.scalars(select(Batch.recipients).where(Batch.digest_id == digest_id)).one()
    assert list(packing.unpack_ids(packed)) == list(range(1, 11))


def test_a_digest_is_frozen_once(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    digest_id = send_digest(db, settings)
    assert not freeze.freeze_digest(db, settings, digest_id)
    with db.reading() as session:
        assert len(session.scalars(select(Batch)).all()) == 1


def test_a_digest_that_is_moved_meanwhile_is_not_frozen(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    digest_id = schedule_now(db, settings)
    read = audience.read_audience

    def read_while_an_editor_moves_it(*args: Any, **kwargs: Any) -> audience.Audience:
        with db.transaction() as session:
            later, version = clock.now() + timedelta(days=1), get_digest(session, digest_id).version
            lifecycle.schedule(session, digest_id, version, later, provider_schedule=False, by=OPERATOR)
        return read(*args, **kwargs)

    monkeypatch.setattr(audience, "read_audience", read_while_an_editor_moves_it)
    assert not freeze.freeze_digest(db, settings, digest_id)
    with db.reading() as session:
        assert session.scalars(select(Batch)).all() == []
        assert get_digest(session, digest_id).status == "scheduled"


def test_no_reader_at_all_is_an_honest_zero(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    digest_id = send_digest(db, settings)
    with db.reading() as session:
        assert session.scalars(select(Batch).where(Batch.state != BatchState.DONE)).all() == []
        assert digest_status(session, digest_id).recipients == 0
