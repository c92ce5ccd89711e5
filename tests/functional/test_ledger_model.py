"""The ledger against a model: workers in any interleaving, killed anywhere, with a provider that fails in any way.

hypothesis tells two workers and everyone around them what to do next, one step at a time; after each step the ledger
must agree with what the provider knows. At the end everything is sent, and nobody may be missing.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import hypothesis
import pytest
from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import undefer

from newsletter.core import clock
from newsletter.core.actors import CLOCK
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.queue import Queues
from newsletter.delivery.ledger import cancelling, packing, recovery, resolving
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.delivery.sending import batch_sending, lease_renewal
from newsletter.delivery.sending.message_cache import MessageCache
from newsletter.delivery.sending.progress_files import ProgressFiles
from newsletter.delivery.sending.rates import Allowance, SendRates
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, MOVED, REFUSED, WAITING
from newsletter.operations.tick import GRACE
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from tests.factories import add_article, add_readers, send_digest
from tests.services import editor
from tests.services.lockstep import Each, Order, Provider, Whole, Worker

READERS = 7
BATCHES = 3
BEGINNING = datetime(2026, 11, 24, 7, tzinfo=UTC)
WORKERS = st.sampled_from([0, 1])
SECONDS = st.sampled_from([0.4, 1.5, 4.0, 11.0, 90.0, 4000.0, 80 * 3600.0])


@dataclass
class World:
    """A frozen digest in three batches, which each example begins with again."""

    db: Database
    settings: Settings
    digest_id: int
    kind: type[Whole] | type[Each]
    seconds: float = 0.0
    """Since the beginning of the example."""

    def monotonic(self) -> float:
        return self.seconds

    def begin_again(self) -> None:
        self.seconds = 0.0
        with self.db.transaction() as session:
            session.execute(delete(Refusal))
            session.execute(delete(Batch).where(Batch.id > BATCHES))  # those that a doubt was split into
            session.execute(update(Subscriber).values(status=SubscriberStatus.ACTIVE))
            fresh = {"status": DigestStatus.SENDING, "paused_reason": None, "paused_note": None, "sent_at": None}
            session.execute(update(Digest).values(fresh))
            for batch in session.scalars(select(Batch)):
                batch.state, batch.attempt, batch.failures = BatchState.READY, 0, 0
                batch.outcomes = bytes([WAITING]) * len(batch.outcomes)
                batch.lease_until = batch.not_before = batch.deferred_since = None
                batch.provider_ref = batch.note = None
        shutil.rmtree(self.settings.data_dir / "progress", ignore_errors=True)


class FakeRedis:
    """In the place of Redis: limits, and a queue in which nobody waits."""

    def __init__(self) -> None:
        self.most: int | None = None

    def reserve(self, wanted: int) -> Allowance:
        allowed = wanted if self.most is None else min(wanted, self.most)
        return Allowance(allowed, 0.0 if allowed else 5.0)

    def back_off(self, seconds: float) -> None:
        """The pause of a batch is its own, too."""

    def events_wait(self) -> bool:
        return False


class Sending(RuleBasedStateMachine):
    """Two workers, and what else happens. A subclass has the world."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_again()
        self.provider = Provider(self.world.monotonic, self.it_may_be_sent)
        self.redis = FakeRedis()
        self.workers: list[Worker | None] = [None, None]
        self.unsubscribed: set[int] = set()
        self.may_be_cancelled = False
        self.stack = ExitStack()
        self.seen = monotonic()
        self.set_clock()

    def set_clock(self) -> None:
        self.stack.close()
        self.stack.enter_context(clock.set_to(BEGINNING + timedelta(seconds=self.world.seconds)))

    @initialize(cancel=st.booleans())
    def decide(self, cancel: bool) -> None:
        self.may_be_cancelled = cancel

    # Workers

    @rule(number=WORKERS, orders=st.lists(st.sampled_from(Order), max_size=6))
    def work(self, number: int, orders: list[Order]) -> None:
        """Some steps, with a new batch if the worker has none."""
        if self.workers[number] is None:
            self.claim(number)
        for order in orders:
            self.step(number, order)

    @rule(number=WORKERS)
    def finish(self, number: int) -> None:
        """All goes well, to the end of the batch."""
        while self.workers[number] is not None:
            self.step(number, Order.GO_ON)

    def claim(self, number: int) -> None:
        transport = self.world.kind(self.provider)
        context = SendingContext(
            db=self.world.db,
            transport=transport,
            messages=MessageCache(self.world.settings),
            rates=cast("SendRates", self.redis),
            progress=ProgressFiles(self.world.settings.data_dir),
            queues=cast("Queues", self.redis),
            has_limits=False,
        )
        transport.worker = self.workers[number] = Worker(context)
        self.step(number)

    def step(self, number: int, order: Order | None = None) -> None:
        worker = self.workers[number]
        if worker is None:
            return
        try:
            worker.order(order) if order else worker.start()
        finally:
            if not worker.at:
                self.workers[number] = None

    # Time, limits, readers

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        self.world.seconds += seconds
        self.set_clock()
        with self.world.db.transaction() as session:
            session.execute(update(Batch).values(lease_until=Batch.lease_until - seconds))

    @rule()
    def tick(self) -> None:
        self.forget_real_time()
        with self.world.db.transaction() as session:
            recovery.recover_lost(session, grace=GRACE)
            cancelling.cancel_waiting(session)
            recovery.close_finished(session, by=CLOCK)

    def forget_real_time(self) -> None:
        """Leases go by the database's time: a machine that stands still for ten seconds must not end them. (Once it
        did: the model saw two workers send one batch, each rightly by its own time.)"""
        seconds, self.seen = monotonic() - self.seen, monotonic()
        with self.world.db.transaction() as session:
            session.execute(update(Batch).values(lease_until=Batch.lease_until + seconds))

    @rule()
    def leases_end(self) -> None:
        """Workers that have a batch go on working, and the clock frees their batches."""
        self.pass_time(11.0)
        self.tick()

    @rule(slow=WORKERS, steps=st.integers(1, 3))
    def overtake(self, slow: int, steps: int) -> None:
        """A worker is so slow that its batch goes to the other one. Only then does it go on."""
        self.claim_and_go_on(slow)
        self.leases_end()
        self.resolve()
        self.claim_and_go_on(1 - slow)
        for _ in range(steps):
            self.step(slow, Order.GO_ON)
        self.pass_time(2.5)  # the pause after a failure is over, the time of a request is not
        self.claim_and_go_on(slow)

    def claim_and_go_on(self, number: int) -> None:
        if self.workers[number] is None:
            self.claim(number)
        self.step(number, Order.GO_ON)

    @rule(most=st.sampled_from([None, None, 0, 1, 2]))
    def limit(self, most: int | None) -> None:
        self.redis.most = most

    @rule(reader=st.integers(1, READERS))
    def unsubscribe(self, reader: int) -> None:
        with self.world.db.transaction() as session:
            session.execute(
                update(Subscriber).where(Subscriber.id == reader).values(status=SubscriberStatus.UNSUBSCRIBED)
            )
        self.unsubscribed.add(reader)

    # Editors

    @rule(do=st.sampled_from([editor.pause, editor.resume, editor.retry]))
    def edit(self, do: Any) -> None:
        self.act(do)

    @precondition(lambda self: self.may_be_cancelled)
    @rule()
    def cancel(self) -> None:
        self.act(editor.cancel)

    @rule()
    def resolve(self) -> None:
        """By the provider's record."""
        with self.world.db.reading() as session:
            doubts = [(batch.id, batch.attempt) for batch in resolving.batches_in_doubt(session, self.world.digest_id)]
        for batch, attempt in doubts[:1]:
            taken = (str(batch), str(attempt)) in self.provider.taken
            self.act(partial(editor.resolve, batch_id=batch, was_sent=taken))

    def act(self, do: Any) -> None:
        with suppress(ConflictError, InvalidError), self.world.db.transaction() as session:
            do(session, self.world.digest_id)

    # Promises

    def it_may_be_sent(self, recipients: Sequence[Recipient]) -> None:
        """When a worker begins a request: no editor said stop, and none of the readers has unsubscribed."""
        assert self.state().status == "sending"
        assert not self.unsubscribed.intersection(recipient.id for recipient in recipients)

    @invariant()
    def the_parts_sum_to_the_recipients(self) -> None:
        state = self.state()
        parts = state.open + state.accepted + state.refused + state.skipped + state.cancelled
        assert state.recipients == parts == READERS
        assert state.status != "sent" or state.open == 0

    @invariant()
    def nobody_is_mailed_twice(self) -> None:
        for reader, count in self.provider.mailed.items():
            assert count <= 1 + self.provider.mishaps[reader], f"reader {reader} was mailed {count} times"

    @invariant()
    def the_ledger_knows_nothing_but_the_truth(self) -> None:
        """Accepted readers were mailed. Readers who wait in a free batch were not, or the answer was lost."""
        mailed, mishaps = self.provider.mailed, self.provider.mishaps
        for state, reader, outcome in self.outcomes():
            assert outcome != ACCEPTED or mailed[reader], f"reader {reader} counts as accepted and got nothing"
            if state == BatchState.READY and outcome in (WAITING, DEFERRED) and self.world.kind is Whole:
                assert mailed[reader] <= mishaps[reader], f"reader {reader} waits and has it"

    def outcomes(self) -> list[tuple[str, int, int]]:
        """State of the batch, reader, outcome."""
        with self.world.db.reading() as session:
            batches = session.scalars(select(Batch).options(undefer(Batch.recipients))).all()
        return [
            (batch.state, reader, outcome)
            for batch in batches
            for reader, outcome in zip(packing.unpack_ids(batch.recipients), batch.outcomes, strict=True)
            if outcome != MOVED
        ]

    def teardown(self) -> None:
        """Kill the workers, and send the rest without mishaps: is anybody missing?"""
        try:
            for number in (0, 1):
                self.step(number, Order.KILL)
            if sys.exc_info()[0] is None:
                self.send_the_rest()
                self.nobody_is_missing()
        finally:
            self.stack.close()

    def send_the_rest(self) -> None:
        self.redis.most = None
        for _ in range(50):
            self.pass_time(4000.0)
            self.tick()
            state = self.state()
            if state.status in ("sent", "cancelled") and not state.open:
                return
            self.act(editor.resume)
            self.resolve()
            self.work(0, [])
            self.finish(0)
            self.nobody_is_mailed_twice()
            self.the_ledger_knows_nothing_but_the_truth()
        raise AssertionError("it never ends")

    def nobody_is_missing(self) -> None:
        if self.state().status == "sent":
            missing = {reader for _, reader, outcome in self.outcomes() if outcome not in (ACCEPTED, REFUSED)}
            assert missing <= self.unsubscribed, f"nobody sends to {missing - self.unsubscribed}"

    def state(self) -> DigestState:
        with self.world.db.reading() as session:
            return digest_status(session, self.world.digest_id)


@pytest.fixture(params=[Whole, Each])
def world(
    request: pytest.FixtureRequest, app: Flask, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> World:
    for section in ("Policy", "Research", "Safety"):
        add_article(db, f"A story of {section}", section=section)
    for start, count, sections in ((1, 3, ["Policy"]), (4, 2, ["Research"]), (6, 2, None)):
        add_readers(db, count, start=start, sections=sections)
    if db.is_sqlite:  # no example outlives this process: nothing need wait for the disk
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        db.dispose()
    world = World(db, settings, send_digest(db, settings), request.param)
    for module in (lease_renewal, batch_sending):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=world.monotonic))
    return world


def machine(world: World) -> type[Sending]:
    return type("SendingHere", (Sending,), {"world": world})


def test_the_ledger_keeps_its_promises(world: World) -> None:
    examples = 40 if world.db.is_sqlite else 10
    run_state_machine_as_test(
        machine(world),
        settings=hypothesis.settings(max_examples=examples, stateful_step_count=25, deadline=None, database=None),
    )


def test_the_answers_of_a_slow_worker_count_for_nothing(world: World) -> None:
    """So rare a chain that chance seldom finds it: an old claim ends while another worker sends the same batch."""
    story = machine(world)()
    try:
        story.overtake(slow=0, steps=3)
        story.nobody_is_mailed_twice()
        story.finish(1)
        story.finish(0)
        story.the_parts_sum_to_the_recipients()
        story.the_ledger_knows_nothing_but_the_truth()
    finally:
        story.teardown()
