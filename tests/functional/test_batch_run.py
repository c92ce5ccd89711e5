"""A run over a batch where each message has an answer of its own: deferrals, limits, pauses, and the position file.

The transport here stands at the interface, so that its answers can be scripted one by one; real ones are in
tests/contract and tests/functional/test_chaos.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.config import RateLimit, Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import control, resolving
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.delivery.sending import draining, lease
from newsletter.digests.queries import get_digest
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports.errors import InDoubtError
from newsletter.operations.tick import tick
from newsletter.privacy import erasure
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, send_digest

pytestmark = pytest.mark.usefixtures("app")

Answer = Callable[[SendResult, int], None]


class Postman:
    """Answers what it is told for an address, else accepts."""

    name, all_or_nothing, idempotent, deadline = "postman", False, False, 1.0

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.delivered: list[tuple[str, str]] = []

    def send(self, message: Message, recipients: Sequence[Recipient], record: SendResult) -> None:
        for index in record.waiting():
            if not record.may_continue():
                return
            address = recipients[index].address.partition("@")[0]
            self.before.get(address, lambda: None)()
            answer = self.answers.get(address)
            if answer:
                answer(record, index)
            else:
                self.delivered.append((address, message.message_id(recipients[index])))
                record.accepted(index)

    def close(self) -> None:
        pass


@pytest.fixture
def postman(monkeypatch: pytest.MonkeyPatch) -> Postman:
    postman = Postman()
    monkeypatch.setattr("newsletter.delivery.sending.context.open_transport", lambda settings: postman)
    return postman


@pytest.fixture
def settings(settings: Settings, queues: Queues, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings, postman: Postman) -> int:
    add_article(db, "A story")
    add_readers(db, 5)
    return send_digest(db, settings)


def state(db: Database, digest_id: int) -> DigestState:
    with db.reading() as session:
        return digest_status(session, digest_id)


def drain(later: timedelta = timedelta(0)) -> None:
    with clock.set_to(clock.now() + later):
        draining.drain(runtime())


def defer(record: SendResult, index: int) -> None:
    record.deferred(index, "450 4.2.1 later")


def die(error: BaseException) -> Answer:
    def answer(_record: SendResult, _index: int) -> None:
        raise error

    return answer


def test_a_deferred_reader_is_tried_again_and_nobody_else(db: Database, digest_id: int, postman: Postman) -> None:
    postman.answers["r3"] = defer
    drain()
    found = state(db, digest_id)
    assert (found.accepted, found.deferred, found.status) == (4, 1, "sending")
    drain()
    assert len(postman.delivered) == 4, "not before its time"
    del postman.answers["r3"]
    drain(timedelta(hours=2))
    assert (state(db, digest_id).accepted, state(db, digest_id).status) == (5, "sent")
    assert sorted(address for address, _ in postman.delivered) == ["r1", "r2", "r3", "r4", "r5"]


def test_who_is_deferred_for_too_long_is_refused_and_retry_finds_exactly_them(
    db: Database, digest_id: int, postman: Postman
) -> None:
    postman.answers["r3"] = defer
    postman.answers["r4"] = lambda record, index: record.refused(index, "550 5.1.1 unknown")
    drain()
    drain(timedelta(hours=73))
    found = state(db, digest_id)
    assert (found.accepted, found.refused, found.deferred, found.status) == (3, 2, 0, "sent")
    with db.reading() as session:
        refusals = session.execute(select(Refusal.subscriber_id, Refusal.temporary, Refusal.reason)).all()
    assert sorted(refusals) == [(3, True, "450 4.2.1 later"), (4, False, "550 5.1.1 unknown")]
    postman.answers.clear()
    with db.transaction() as session:
        assert resolving.retry_refused(session, digest_id) == 1
    drain()
    assert (state(db, digest_id).accepted, state(db, digest_id).refused) == (4, 1)


def test_a_limit_lets_out_so_many_and_no_more(db: Database, digest_id: int, postman: Postman, queues: Queues) -> None:
    object.__setattr__(runtime().settings, "mail_rate_limits", (RateLimit(2, 86400),))
    drain()
    assert len(postman.delivered) == 2
    assert state(db, digest_id).waiting == 3
    queues.redis.flushall()
    drain(timedelta(days=1))
    queues.redis.flushall()
    drain(timedelta(days=2))
    assert state(db, digest_id).accepted == len(postman.delivered) == 5


@pytest.mark.parametrize("act", [control.pause_digest, control.cancel_digest])
def test_an_editor_stops_it_between_two_messages(
    db: Database,
    digest_id: int,
    postman: Postman,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[..., object],
) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.0)  # as if a second had passed between two messages

    def stop() -> None:
        with db.transaction() as session:
            act(session, digest_id)

    postman.before["r3"] = stop
    drain()
    assert [address for address, _ in postman.delivered] == ["r1", "r2", "r3"]
    tick(runtime())
    found = state(db, digest_id)
    assert (found.accepted, found.waiting + found.cancelled) == (3, 2)
    drain()
    assert len(postman.delivered) == 3


def test_a_killed_worker_leaves_its_position_and_nobody_is_mailed_twice(
    db: Database, digest_id: int, postman: Postman
) -> None:
    """KeyboardInterrupt stands for a kill: nothing of the run is written down."""
    postman.answers["r4"] = die(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drain()
    assert state(db, digest_id).accepted == 0, "the ledger does not know yet"
    postman.answers.clear()
    with db.transaction() as session:
        session.scalars(select(Batch)).one().lease_until = 1.0
    tick(runtime())
    drain()
    assert state(db, digest_id).accepted == 5
    assert [address for address, _ in postman.delivered] == ["r1", "r2", "r3", "r4", "r5"]
    assert list((runtime().settings.data_dir / "positions").iterdir()) == []


def test_an_unanswered_message_goes_again_with_the_same_id(db: Database, digest_id: int, postman: Postman) -> None:
    postman.answers["r2"] = die(InDoubtError("The connection broke before the answer."))
    drain()
    assert (state(db, digest_id).accepted, state(db, digest_id).waiting) == (1, 4)
    postman.answers.clear()
    drain(timedelta(minutes=1))
    assert state(db, digest_id).accepted == 5
    assert len({message_id for _, message_id in postman.delivered}) == 5


def test_a_worker_that_lost_its_lease_stops_and_writes_nothing(
    db: Database, digest_id: int, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.0)

    def lose_it() -> None:
        with db.transaction() as session:
            session.scalars(select(Batch)).one().attempt += 1

    postman.before["r3"] = lose_it
    drain()
    assert len(postman.delivered) == 3
    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
    assert batch.outcomes.count(b"a") <= 2
    assert batch.state == "sending", "it is the other worker's now"


def test_an_error_that_nobody_foresaw_pauses_the_digest_and_keeps_the_answers(
    db: Database, digest_id: int, postman: Postman
) -> None:
    postman.answers["r2"] = die(ZeroDivisionError("odd"))
    drain()
    with db.reading() as session:
        digest = get_digest(session, digest_id)
    assert (digest.status, digest.paused_reason) == ("paused", "error")
    assert "ZeroDivisionError" in str(digest.paused_note)
    assert state(db, digest_id).accepted == 1
    postman.answers.clear()
    with db.transaction() as session:
        control.resume_digest(session, digest_id)
    drain()
    assert [address for address, _ in postman.delivered] == ["r1", "r2", "r3", "r4", "r5"]


def test_who_is_erased_while_their_mail_is_under_way_holds_up_nobody(
    db: Database, settings: Settings, postman: Postman, digest_id: int
) -> None:
    def erased() -> None:
        with db.transaction() as session:
            erasure.erase_subscriber(session, settings.suppression_key, session.get_one(Subscriber, 2), by=READER)

    postman.before["r2"] = erased
    postman.answers["r2"] = lambda record, index: record.refused(index, "550 no such mailbox")
    drain()
    after = state(db, digest_id)
    assert (after.status, after.accepted, after.refused) == ("sent", 4, 1)
    assert [address for address, _ in postman.delivered] == ["r1", "r3", "r4", "r5"]
    with db.reading() as session:
        assert session.scalars(select(Refusal)).all() == []
