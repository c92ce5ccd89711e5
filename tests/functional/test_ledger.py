"""The ledger: batches are claimed by one worker, fenced by the attempt, and recovered when a lease is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from newsletter.core import clock
from newsletter.core.actors import WORKER
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now, table_of
from newsletter.delivery.ledger import cancelling, claims, recovery
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.ledger.lifecycle import CANCEL, RESOLVE, RETRY, WITHDRAW, BatchTransition, change_batch
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.reports.status import digest_status
from newsletter.digests.queries import get_digest
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, send_digest
from tests.services import editor


@pytest.fixture
def digest_id(db: Database, settings: Settings) -> int:
    """A digest to three readers, frozen."""
    add_article(db, "A story")
    add_readers(db, 3)
    return send_digest(db, settings)


def claim(db: Database) -> Claim | None:
    with db.transaction() as session:
        return claims.claim_batch(session)


def must_claim(db: Database) -> Claim:
    claimed = claim(db)
    assert claimed is not None
    return claimed


def mark(db: Database, claimed: Claim, outcomes: bytes = b"") -> bool:
    with db.transaction() as session:
        return claims.mark_sending(session, claimed, Outcomes(outcomes or claimed.outcomes), 60)


def end_lease(db: Database) -> None:
    with db.transaction() as session:
        session.execute(update(Batch).values(lease_until=epoch_now() - 100))


def recover(db: Database) -> int:
    with db.transaction() as session:
        return recovery.recover_lost(session, grace=2)


def batch(db: Database) -> Batch:
    with db.reading() as session:
        return session.get_one(Batch, 1)


def test_a_batch_is_claimed_once(db: Database, digest_id: int) -> None:
    assert must_claim(db).attempt == 1
    assert claim(db) is None


def test_a_batch_knows_when_it_was_tried(db: Database, digest_id: int) -> None:
    moment = datetime(2026, 5, 2, 9, 30, tzinfo=UTC)
    claimed = must_claim(db)
    assert batch(db).attempted_at is None
    with clock.set_to(moment):
        mark(db, claimed)
    assert batch(db).attempted_at == moment


def test_a_claim_that_is_alive_is_not_recovered(db: Database, digest_id: int) -> None:
    must_claim(db)
    assert recover(db) == 0


def test_a_claim_whose_worker_died_before_the_call_is_ready_again(db: Database, digest_id: int) -> None:
    first = must_claim(db)
    end_lease(db)
    assert recover(db) == 1
    second = must_claim(db)
    assert second.attempt == first.attempt + 1
    assert not mark(db, first), "the first worker lost its claim and must not send"
    assert mark(db, second)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (b"???", BatchState.IN_DOUBT),
        (b"as?", BatchState.IN_DOUBT),
        (b"www", BatchState.READY),
        (b"adr", BatchState.READY),
        (b"asr", BatchState.DONE),
    ],
)
def test_a_worker_that_died_in_the_call(db: Database, digest_id: int, outcomes: bytes, state: BatchState) -> None:
    """Its last outcomes say what is known: recipients in doubt are not sent to again, waiting ones are."""
    assert mark(db, must_claim(db), outcomes)
    end_lease(db)
    assert recover(db) == 1
    assert (batch(db).state, batch(db).outcomes) == (state, outcomes)


def test_recipients_who_wait_beside_a_doubt_go_on_in_a_batch_of_their_own(db: Database, digest_id: int) -> None:
    assert mark(db, must_claim(db), b"aw?")
    end_lease(db)
    assert recover(db) == 1
    with db.reading() as session:
        found = session.execute(select(Batch.state, Batch.outcomes, Batch.first_id).order_by(Batch.id)).all()
    assert found == [(BatchState.IN_DOUBT, b"am?", 1), (BatchState.READY, b"w", 2)]
    assert must_claim(db).ids.tolist() == [2]


def test_recipients_of_a_request_count_as_waiting_while_the_worker_lives(db: Database, digest_id: int) -> None:
    mark(db, must_claim(db), b"??a")
    with db.reading() as session:
        state = digest_status(session, digest_id)
    assert (state.waiting, state.in_doubt, state.accepted) == (2, 0, 1)


def test_answers_so_far_outlive_the_worker(db: Database, digest_id: int) -> None:
    claimed = must_claim(db)
    assert mark(db, claimed)
    with db.transaction() as session:
        assert claims.renew_lease(session, claimed, Outcomes(b"aww"), 60)
    end_lease(db)
    recover(db)
    assert must_claim(db).outcomes == b"aww"


def test_finishing_is_fenced_by_the_attempt(db: Database, digest_id: int) -> None:
    late = must_claim(db)
    assert mark(db, late)
    end_lease(db)
    recover(db)
    other = must_claim(db)
    assert mark(db, other)
    with db.transaction() as session:
        assert not claims.finish_batch(session, late, Outcomes(b"rrr"))
        assert not claims.renew_lease(session, late, Outcomes(b"rrr"), 60)
        assert claims.finish_batch(session, other, Outcomes(b"aaa"))
    assert (batch(db).state, batch(db).outcomes) == (BatchState.DONE, b"aaa")


def test_a_digest_is_sent_only_when_nobody_is_open(db: Database, digest_id: int) -> None:
    claimed = must_claim(db)
    mark(db, claimed)
    with db.transaction() as session:
        assert recovery.close_finished(session, by=WORKER) == []
        claims.finish_batch(session, claimed, Outcomes(b"a?a"))
        assert recovery.close_finished(session, by=WORKER) == []
        editor.resolve(session, digest_id, was_sent=True)
        assert recovery.close_finished(session, by=WORKER) == [digest_id]
    with db.reading() as session:
        assert (get_digest(session, digest_id).status, digest_status(session, digest_id).accepted) == ("sent", 3)


def test_a_paused_digest_is_not_claimed_and_a_claim_not_marked(db: Database, digest_id: int) -> None:
    claimed = must_claim(db)
    with db.transaction() as session:
        editor.pause(session, digest_id)
    assert not mark(db, claimed)
    with db.transaction() as session:
        claims.release_batch(session, claimed)
    assert claim(db) is None
    with db.transaction() as session:
        editor.resume(session, digest_id)
    assert must_claim(db).attempt == 2


def test_cancelling_counts_waiting_recipients_and_the_parts_sum(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        editor.cancel(session, digest_id)
        state = digest_status(session, digest_id)
    assert (state.status, state.recipients, state.cancelled, state.waiting) == ("cancelled", 3, 3, 0)


def test_a_batch_at_work_when_its_digest_is_cancelled_is_cancelled_later(db: Database, digest_id: int) -> None:
    claimed = must_claim(db)
    mark(db, claimed)
    with db.transaction() as session:
        editor.cancel(session, digest_id)
        assert digest_status(session, digest_id).waiting == 3
        claims.finish_batch(session, claimed, Outcomes(b"aaw"))
        cancelling.cancel_waiting(session)
        state = digest_status(session, digest_id)
    assert (state.accepted, state.cancelled, state.waiting) == (2, 1, 0)


@pytest.mark.parametrize("transition", [RESOLVE, WITHDRAW, RETRY, CANCEL])
@pytest.mark.parametrize("state", BatchState)
def test_a_transition_begins_in_its_states_alone(
    db: Database, digest_id: int, transition: BatchTransition, state: BatchState
) -> None:
    """Decided by SQL: the row that was read may be old."""
    with db.transaction() as session:
        stale = session.scalars(select(Batch)).one()
        session.execute(update(table_of(Batch)).values(state=state))
        allowed = state in transition.sources
        assert change_batch(session, stale, transition, Outcomes(b"aaa"), note="changed") == allowed
    assert batch(db).outcomes == (b"aaa" if allowed else b"www")
    assert batch(db).state == (BatchState.DONE if allowed else state)


def test_a_transition_of_an_old_attempt_changes_nothing(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        stale = session.scalars(select(Batch)).one()
        session.execute(update(table_of(Batch)).values(attempt=Batch.attempt + 1))
        assert not change_batch(session, stale, CANCEL, Outcomes(b"ccc"))
    assert batch(db).outcomes == b"www"


def test_breaking_news_overtakes_what_was_begun_before_it(db: Database, settings: Settings, digest_id: int) -> None:
    with db.transaction() as session:
        session.execute(update(Subscriber).values(breaking=True))
    news = send_digest(db, settings, Cadence.BREAKING)
    assert [must_claim(db).digest_id, must_claim(db).digest_id] == [news, digest_id]
