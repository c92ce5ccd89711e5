"""A run over a batch where each message has an answer of its own: deferrals, limits, pauses, and the progress file.

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
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.sending import draining, lease_renewal
from newsletter.digests.queries import get_digest
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.errors import InDoubtError
from newsletter.operations.tick import tick
from newsletter.privacy import erasure
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, send_digest, state_of
from tests.services import editor

pytestmark = pytest.mark.usefixtures("app")

Answer = Callable[[SendResult, int], None]


class ScriptedTransport:
    """Gives the answer that is set for an address, else accepts."""

    name, all_or_nothing, idempotent, deadline, silence = "scripted", False, False, 1.0, 1.0
    unrecorded_tracking = Tracking.NOT_OFFERED

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.delivered: list[tuple[str, str]] = []

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        for index in result.waiting():
            if not result.may_continue():
                return
            address = recipients[index].address.partition("@")[0]
            self.before.get(address, lambda: None)()
            answer = self.answers.get(address)
            if answer:
                answer(result, index)
            else:
                self.delivered.append((address, message.message_id(recipients[index])))
                result.accepted(index)

    def close(self) -> None:
        pass


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> ScriptedTransport:
    transport = ScriptedTransport()
    monkeypatch.setattr("newsletter.delivery.sending.sending_context.open_transport", lambda settings: transport)
    return transport


@pytest.fixture
def settings(settings: Settings, queues: Queues, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings, transport: ScriptedTransport) -> int:
    add_article(db, "A story")
    add_readers(db, 5)
    return send_digest(db, settings)


def drain(later: timedelta = timedelta(0)) -> None:
    with clock.set_to(clock.now() + later):
        draining.drain(runtime())


def defer(result: SendResult, index: int) -> None:
    result.deferred(index, "450 4.2.1 later")


def die(error: BaseException) -> Answer:
    def answer(_result: SendResult, _index: int) -> None:
        raise error

    return answer


def test_a_deferred_reader_is_tried_again_and_nobody_else(
    db: Database, digest_id: int, transport: ScriptedTransport
) -> None:
    transport.answers["r3"] = defer
    drain()
    found = state_of(db, digest_id)
    assert (found.accepted, found.deferred, found.status) == (4, 1, "sending")
    drain()
    assert len(transport.delivered) == 4, "not before its time"
    del transport.answers["r3"]
    drain(timedelta(hours=2))
    assert (state_of(db, digest_id).accepted, state_of(db, digest_id).status) == (5, "sent")
    assert sorted(address for address, _ in transport.delivered) == ["r1", "r2", "r3", "r4", "r5"]


def test_readers_deferred_for_too_long_are_refused_temporarily(
    db: Database, digest_id: int, transport: ScriptedTransport
) -> None:
    transport.answers["r3"] = defer
    transport.answers["r4"] = lambda result, index: result.refused(index, "550 5.1.1 unknown")
    drain()
    drain(timedelta(hours=73))
    found = state_of(db, digest_id)
    assert (found.accepted, found.refused, found.deferred, found.status) == (3, 2, 0, "sent")
    with db.reading() as session:
        refusals = session.execute(select(Refusal.subscriber_id, Refusal.temporary, Refusal.reason)).all()
    assert sorted(refusals) == [(3, True, "450 4.2.1 later"), (4, False, "550 5.1.1 unknown")]
    transport.answers.clear()
    with db.transaction() as session:
        assert editor.retry(session, digest_id) == 1
    drain()
    assert (state_of(db, digest_id).accepted, state_of(db, digest_id).refused) == (4, 1)


def test_a_limit_allows_so_many_messages_and_no_more(
    db: Database, digest_id: int, transport: ScriptedTransport, queues: Queues
) -> None:
    object.__setattr__(runtime().settings, "mail_rate_limits", (RateLimit(2, 86400),))
    drain()
    assert len(transport.delivered) == 2
    assert state_of(db, digest_id).waiting == 3
    queues.redis.flushall()
    drain(timedelta(days=1))
    queues.redis.flushall()
    drain(timedelta(days=2))
    assert state_of(db, digest_id).accepted == len(transport.delivered) == 5


@pytest.mark.parametrize("act", [editor.pause, editor.cancel])
def test_an_editor_stops_it_between_two_messages(
    db: Database,
    digest_id: int,
    transport: ScriptedTransport,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[..., object],
) -> None:
    monkeypatch.setattr(lease_renewal, "RENEW_EVERY", 0.0)  # as if a second had passed between two messages

    def stop() -> None:
        with db.transaction() as session:
            act(session, digest_id)

    transport.before["r3"] = stop
    drain()
    assert [address for address, _ in transport.delivered] == ["r1", "r2", "r3"]
    tick(runtime())
    found = state_of(db, digest_id)
    assert (found.accepted, found.waiting + found.cancelled) == (3, 2)
    drain()
    assert len(transport.delivered) == 3


def test_a_killed_worker_leaves_its_progress_and_nobody_is_mailed_twice(
    db: Database, digest_id: int, transport: ScriptedTransport
) -> None:
    """KeyboardInterrupt stands for a kill: nothing of the run is recorded."""
    transport.answers["r4"] = die(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drain()
    assert state_of(db, digest_id).accepted == 0, "the ledger does not know yet"
    transport.answers.clear()
    drain()  # this host knows that the process is gone: nobody waits for the end of its lease
    assert state_of(db, digest_id).accepted == 5
    assert [address for address, _ in transport.delivered] == ["r1", "r2", "r3", "r4", "r5"]
    assert list((runtime().settings.data_dir / "progress").iterdir()) == []


def test_whoever_was_refused_before_a_kill_is_tried_again_and_the_reason_is_kept(
    db: Database, digest_id: int, transport: ScriptedTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a reason no retry would find them, although the ledger heard of the refusal before the kill."""
    monkeypatch.setattr(lease_renewal, "RENEW_EVERY", 0.0)
    transport.answers["r2"] = lambda result, index: result.refused(index, "554 5.7.1 not today")
    transport.answers["r4"] = die(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drain()
    found = state_of(db, digest_id)
    assert (found.accepted, found.refused, found.waiting) == (2, 0, 3)
    del transport.answers["r4"]
    drain()
    found = state_of(db, digest_id)
    assert (found.accepted, found.refused, found.status) == (4, 1, "sent")
    with db.reading() as session:
        assert session.execute(select(Refusal.subscriber_id, Refusal.reason)).all() == [(2, "554 5.7.1 not today")]
    assert [address for address, _ in transport.delivered] == ["r1", "r3", "r4", "r5"]


def test_an_unanswered_message_goes_again_with_the_same_id(
    db: Database, digest_id: int, transport: ScriptedTransport
) -> None:
    transport.answers["r2"] = die(InDoubtError("test.failure", "The connection broke before the answer."))
    drain()
    found = state_of(db, digest_id)
    assert (found.accepted, found.unanswered, found.open) == (4, 1, 1)
    transport.answers.clear()
    drain(timedelta(minutes=1))
    assert state_of(db, digest_id).accepted == 5
    assert len({message_id for _, message_id in transport.delivered}) == 5


def test_a_worker_that_lost_its_lease_stops_and_records_nothing(
    db: Database, digest_id: int, transport: ScriptedTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "RENEW_EVERY", 0.0)

    def lose_it() -> None:
        with db.transaction() as session:
            session.scalars(select(Batch)).one().attempt += 1

    transport.before["r3"] = lose_it
    drain()
    assert len(transport.delivered) == 3
    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
    assert batch.outcomes.count(b"a") <= 2
    assert batch.state == "sending", "it is the other worker's now"
    assert list((runtime().settings.data_dir / "progress").iterdir()), "the other worker's file may be among them"


def test_an_unforeseen_error_pauses_the_digest_and_keeps_the_answers(
    db: Database, digest_id: int, transport: ScriptedTransport
) -> None:
    transport.answers["r2"] = die(ZeroDivisionError("odd"))
    drain()
    with db.reading() as session:
        digest = get_digest(session, digest_id)
    assert (digest.status, digest.paused_reason) == ("paused", "error")
    assert "ZeroDivisionError" in str(digest.paused_note)
    assert state_of(db, digest_id).accepted == 1
    transport.answers.clear()
    with db.transaction() as session:
        editor.resume(session, digest_id)
    drain()
    assert [address for address, _ in transport.delivered] == ["r1", "r2", "r3", "r4", "r5"]


def test_an_erasure_while_the_mail_is_under_way_delays_nobody(
    db: Database, settings: Settings, transport: ScriptedTransport, digest_id: int
) -> None:
    def erased() -> None:
        with db.transaction() as session:
            erasure.erase_subscriber(session, settings.suppression_key, session.get_one(Subscriber, 2), by=READER)

    transport.before["r2"] = erased
    transport.answers["r2"] = lambda result, index: result.refused(index, "550 no such mailbox")
    drain()
    after = state_of(db, digest_id)
    assert (after.status, after.accepted, after.refused) == ("sent", 4, 1)
    assert [address for address, _ in transport.delivered] == ["r1", "r3", "r4", "r5"]
    with db.reading() as session:
        assert session.scalars(select(Refusal)).all() == []
