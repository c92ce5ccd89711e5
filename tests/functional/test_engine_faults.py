"""The sending engine under faults: what was lost, held up or mailed twice, and must not be again.

The transports here stand at the interface, as in test_batch_run.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.sending import draining, lease_renewal, sending_context
from newsletter.delivery.sending.abandoned import report_abandoned
from newsletter.delivery.sending.progress_files import ProgressFiles
from newsletter.delivery.sending.rates import Allowance
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.digests.queries import get_digest
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports.errors import (
    CutOffError,
    InDoubtError,
    NotAcceptedError,
    RefusedForGoodError,
)
from newsletter.operations.tick import tick
from tests.factories import state_of
from tests.functional.test_batch_run import (  # noqa: F401 - fixtures
    Answer,
    ScriptedTransport,
    defer,
    die,
    digest_id,
    drain,
    settings,
    transport,
)
from tests.services import editor

pytestmark = pytest.mark.usefixtures("app")

GONE = OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease is renewed before each message, as if a second had passed."""
    monkeypatch.setattr(lease_renewal, "RENEW_EVERY", 0.0)


def take_back(db: Database) -> None:
    """The clock takes back what workers have, as if their leases were over."""
    with db.transaction() as session:
        session.execute(update(Batch).values(lease_until=1.0))
    tick(runtime())


def batches(db: Database) -> list[Batch]:
    with db.reading() as session:
        return list(session.scalars(select(Batch).order_by(Batch.id)))


def paused_note(db: Database, digest_id: int) -> str | None:  # noqa: F811
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        return digest.paused_note if digest.status == "paused" else None


def copies(transport: ScriptedTransport) -> Counter[str]:  # noqa: F811
    return Counter(address for address, _ in transport.delivered)


def taken_and(transport: ScriptedTransport, error: Exception, address: str) -> Answer:  # noqa: F811
    """The message arrives, and its answer does not."""

    def answer(_result: SendResult, _index: int) -> None:
        transport.delivered.append((address, ""))
        raise error

    return answer


class TestAMessageWithoutAnAnswer:
    """A filter that is slower than we wait, or an address that crashes a relay."""

    LOST = InDoubtError("test.error", "The mail server's answer to a message did not arrive.")

    def test_it_holds_up_nobody_and_is_repeated_twice_at_most(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers["r2"] = taken_and(transport, self.LOST, "r2")
        drain()
        found = state_of(db, digest_id)
        assert (found.status, found.accepted, found.unanswered, found.open) == ("sending", 4, 1, 1)
        for hour in range(1, 10):
            drain(timedelta(hours=hour))
        assert copies(transport) == {"r1": 1, "r2": 3, "r3": 1, "r4": 1, "r5": 1}
        (batch,) = batches(db)
        assert batch.state == BatchState.IN_DOUBT
        assert "three messages" in str(batch.note)
        with db.transaction() as session:
            editor.resolve(session, digest_id, was_sent=True)
        tick(runtime())
        assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", 5)

    def test_others_are_sent_to_first_in_the_next_attempt(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers |= {"r1": die(self.LOST), "r3": die(RefusedForGoodError("test.error", "The key is wrong."))}
        drain()
        with db.transaction() as session:
            editor.resume(session, digest_id)
        transport.answers.clear()
        drain(timedelta(hours=1))
        assert list(copies(transport)) == ["r2", "r3", "r4", "r5", "r1"]

    def test_when_every_connection_ends_so_the_digest_waits_with_a_sentence(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {f"r{number}": taken_and(transport, self.LOST, f"r{number}") for number in range(1, 6)}
        drain()
        assert "3 connections in a row" in str(paused_note(db, digest_id))
        assert copies(transport) == {"r1": 1, "r2": 1, "r3": 1}
        drain(timedelta(hours=1))
        assert copies(transport).total() == 3

    def test_answers_in_between_say_that_the_server_is_well(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {name: die(self.LOST) for name in ("r1", "r3", "r5")}
        drain()
        found = state_of(db, digest_id)
        assert (found.status, found.accepted, found.unanswered) == ("sending", 2, 3)

    def test_a_cancelled_digest_does_not_call_it_cancelled(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers["r2"] = die(self.LOST)
        drain()
        with db.transaction() as session:
            editor.cancel(session, digest_id)
        assert (state_of(db, digest_id).in_doubt, state_of(db, digest_id).cancelled) == (1, 0)


class TestARecipientAtWhomTheConnectionIsCut:
    CUT = CutOffError("test.error", "The mail server closed the connection before it had taken a message.")

    def test_the_others_get_theirs(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers["r2"] = die(self.CUT)
        drain()
        found = state_of(db, digest_id)
        assert (found.accepted, found.deferred, found.open) == (4, 1, 1)
        for hour in range(1, 80, 4):
            drain(timedelta(hours=hour))
        assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 1)

    def test_a_server_that_cuts_everybody_is_asked_less_and_less_often_and_then_an_editor(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {f"r{number}": die(self.CUT) for number in range(1, 6)}
        drain()
        assert (state_of(db, digest_id).status, state_of(db, digest_id).waiting) == ("sending", 5)
        for hour in range(1, 8):
            drain(timedelta(hours=hour))
        assert "ends each connection" in str(paused_note(db, digest_id))
        assert state_of(db, digest_id).waiting == 5


class TestRefusals:
    """A relay that refuses us is not a reader's fault."""

    def refuse(self, reason: str, about: FailureKind = FailureKind.MOMENT) -> Answer:
        return lambda result, index: result.refused(index, reason.format(number=index), about)

    def test_three_in_a_row_in_the_same_words_are_about_us(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {f"r{number}": self.refuse(f"554 Odd <{number}@x> id {{number}}") for number in range(2, 6)}
        drain()
        found = state_of(db, digest_id)
        assert (found.accepted, found.refused, found.waiting) == (1, 0, 4)
        assert "554 Odd" in str(paused_note(db, digest_id))
        with db.reading() as session:
            assert session.scalars(select(Refusal)).all() == []

    def test_they_are_counted_from_batch_to_batch_and_taken_back(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        """Some editions have one reader."""
        split_in_singles(db)
        transport.answers = {f"r{number}": self.refuse("554 Odd") for number in range(2, 6)}
        drain()
        found = state_of(db, digest_id)
        assert (found.status, found.accepted, found.refused, found.waiting) == ("paused", 1, 0, 4)
        with db.reading() as session:
            assert session.scalars(select(Refusal)).all() == []

    def test_refusals_about_mailboxes_are_no_row(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        unknown = self.refuse("550 5.1.1 unknown", FailureKind.MAILBOX)
        transport.answers = {f"r{number}": unknown for number in range(1, 6)}
        drain()
        assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 5)
        with db.reading() as session:
            assert set(session.scalars(select(Refusal.about))) == {FailureKind.MAILBOX}

    def test_other_answers_in_between_end_the_row(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {name: self.refuse("554 Odd") for name in ("r1", "r2", "r4", "r5")}
        drain()
        assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 4)

    def test_any_group_of_refusals_can_be_sent_to_again(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        transport.answers = {"r1": self.refuse("554 5.7.9 id 17"), "r2": self.refuse("550 5.1.1 gone")}
        drain()
        transport.answers.clear()
        with db.transaction() as session:
            assert editor.retry(session, digest_id, reason="554 5.7.9") == 1
        drain()
        assert (state_of(db, digest_id).accepted, state_of(db, digest_id).refused) == (4, 1)


class TestAnAnswerAboutUs:
    """It pauses the digest, unless the same recipient is refused in the same words again."""

    POLICY = "550 5.7.1 id 17: your mail is against our policy"

    def refuse(self, transport: ScriptedTransport, *names: str, reason: str = POLICY) -> None:  # noqa: F811
        error = RefusedForGoodError("smtp.about_us", "It refuses our mail.", at_recipient=reason)
        transport.answers |= dict.fromkeys(names, die(error))

    def resume_and_drain(self, db: Database, digest_id: int) -> None:  # noqa: F811
        with db.transaction() as session:
            editor.resume(session, digest_id)
        drain()

    def test_it_is_an_outcome_the_second_time_and_the_others_get_theirs(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        self.refuse(transport, "r2")
        drain()
        assert "It refuses our mail" in str(paused_note(db, digest_id))
        assert (state_of(db, digest_id).accepted, state_of(db, digest_id).waiting) == (1, 4)
        self.refuse(transport, "r2", reason=self.POLICY.replace("17", "18"))
        self.resume_and_drain(db, digest_id)
        found = state_of(db, digest_id)
        assert (found.status, found.accepted, found.refused) == ("sent", 4, 1)
        with db.reading() as session:
            refusal = session.scalars(select(Refusal)).one()
        assert (refusal.subscriber_id, refusal.about, refusal.temporary) == (2, FailureKind.US, False)
        transport.answers.clear()
        with db.transaction() as session:
            assert editor.retry(session, digest_id, reason="550 5.7.1") == 1
        drain()
        assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", 5)

    def test_a_retry_that_brings_it_again_pauses_nothing(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        self.refuse(transport, "r2")
        drain()
        self.resume_and_drain(db, digest_id)
        with db.transaction() as session:
            editor.retry(session, digest_id, reason="550 5.7.1")
        drain()
        assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 1)

    def test_other_words_pause_it_again(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        self.refuse(transport, "r2")
        drain()
        self.refuse(transport, "r2", reason="550 5.4.5 Daily limit reached")
        self.resume_and_drain(db, digest_id)
        assert (state_of(db, digest_id).status, state_of(db, digest_id).waiting) == ("paused", 1)

    @pytest.mark.parametrize("reason", [POLICY, "550 5.7.1"])
    def test_a_server_that_refuses_everybody_marks_nobody_however_often_it_is_resumed(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        reason: str,
    ) -> None:
        self.refuse(transport, *(f"r{number}" for number in range(2, 6)), reason=reason)
        drain()
        for _ in range(6):
            self.resume_and_drain(db, digest_id)
            found = state_of(db, digest_id)
            assert (found.status, found.accepted, found.refused, found.waiting) == ("paused", 1, 0, 4)
        with db.reading() as session:
            assert session.scalars(select(Refusal)).all() == []
        transport.answers.clear()
        self.resume_and_drain(db, digest_id)
        assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", 5)

    def test_several_of_them_cost_one_pause_each(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        add = ("r1", "r3", "r5")
        self.refuse(transport, *add)
        drain()
        for _ in add:
            self.resume_and_drain(db, digest_id)
        found = state_of(db, digest_id)
        assert (found.status, found.accepted, found.refused) == ("sent", 2, 3)


def split_in_singles(db: Database) -> None:
    """Make a batch for each reader, as editions with one reader do."""
    with db.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        for reader in range(1, 6):
            ids = reader.to_bytes(8, "little")
            session.add(
                Batch(
                    digest_id=batch.digest_id,
                    edition_id=batch.edition_id,
                    first_id=reader,
                    last_id=reader,
                    recipients=ids,
                    outcomes=b"w",
                )
            )
        session.delete(batch)


class TestProgress:
    """Files of accepted positions are deleted only by whom the ledger has heard."""

    def test_a_worker_that_lost_its_batch_leaves_the_other_ones_file(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        at_once: None,
    ) -> None:
        folder = runtime().settings.data_dir / "progress"
        others: list[str] = []

        def lose_it() -> None:
            take_back(db)
            with db.transaction() as session:
                claim = claims.claim_batch(session)
            assert claim is not None
            assert claim.attempt == 2
            name = next(folder.iterdir()).stem
            progress = SendingContext.open(runtime()).progress.open(name, 2)
            progress.record_accepted(3)
            progress.close()
            others.append(f"{name}.2")

        transport.before["r3"] = lose_it
        drain()
        assert {path.name for path in folder.iterdir()} >= set(others)

    def test_a_worker_that_slept_past_its_lease_forgets_nothing(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def sleep() -> None:
            del transport.before["r4"]
            take_back(db)
            monkeypatch.setattr(lease_renewal, "RENEW_EVERY", 0.0)

        transport.before["r4"] = sleep
        drain()
        drain()
        assert copies(transport) == {f"r{number}": 1 for number in range(1, 6)}
        assert state_of(db, digest_id).status == "sent"

    def test_the_files_of_a_dead_process_are_reported_before_its_lease_is_over(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        """KeyboardInterrupt stands for a kill."""
        transport.answers["r4"] = die(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            drain()
        progress = ProgressFiles(runtime().settings.data_dir)
        assert report_abandoned(db, progress) == 1
        (batch,) = batches(db)
        assert (batch.state, batch.outcomes, batch.lease_until) == (BatchState.READY, b"aaaww", None)
        assert list(progress.folder.iterdir()) == []

    def test_a_file_that_is_being_written_is_left_alone(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        def look() -> None:
            assert report_abandoned(db, ProgressFiles(runtime().settings.data_dir)) == 0

        transport.before["r3"] = look
        drain()
        assert state_of(db, digest_id).accepted == 5

    def test_a_file_of_another_database_says_nothing(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
    ) -> None:
        progress = ProgressFiles(runtime().settings.data_dir)
        stale = progress.open("1-aaaaaaaaaaaa", 0)
        stale.record_accepted(2)
        stale.close()
        assert report_abandoned(db, progress) == 0
        assert [batch.outcomes for batch in batches(db)] == [b"wwwww"]

    def test_files_stay_no_longer_than_they_say_something(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        """Another host has finished the batch; here are files of it with an answer, and without one."""
        progress = ProgressFiles(runtime().settings.data_dir)
        transport.answers["r1"] = die(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            drain()
        (empty,) = progress.folder.iterdir()
        assert report_abandoned(db, progress) == 0, "nothing is known of its batch, which is not freed"
        assert empty.exists()
        with_answer = empty.with_suffix(".0")
        with_answer.write_bytes(b"a")
        unknown, just_unknown = progress.folder / "99-aaaaaaaaaaaa.1", progress.folder / "98-aaaaaaaaaaaa.1"
        for path in (unknown, just_unknown):
            path.write_bytes(b"a")
        month_ago = time.time() - 31 * 86400
        os.utime(unknown, (month_ago, month_ago))
        with db.transaction() as session:
            session.execute(update(Batch).values(state=BatchState.DONE, outcomes=b"aaaaa", attempt=2))
        assert report_abandoned(db, progress) == 0
        assert list(progress.folder.iterdir()) == [just_unknown]


class TestAnAnswerToAWholeRequest:
    """It is kept in a file before the ledger hears of it."""

    def drain_and_die(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The worker ends while it waits for the database."""

        def never(*_: object) -> bool:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(draining, "record_outcomes", never)
            with pytest.raises(KeyboardInterrupt):
                drain()

    @pytest.mark.parametrize("taken_back", [False, True])
    @pytest.mark.parametrize("error", [None, NotAcceptedError("test.error", "Later.")])
    def test_it_is_reported_and_leaves_no_doubt(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception | None,
        *,
        taken_back: bool,
    ) -> None:
        whole.error = error
        self.drain_and_die(monkeypatch)
        if taken_back:
            take_back(db)
        assert batches(db)[0].outcomes == b"?????"
        whole.error = None
        drain()
        assert copies(whole) == {f"r{number}": 1 for number in range(1, 6)}
        (batch,) = batches(db)
        assert (batch.state, batch.note) == (BatchState.DONE, None)
        assert state_of(db, digest_id).accepted == 5
        assert list((runtime().settings.data_dir / "progress").iterdir()) == []

    def test_a_lost_answer_stays_lost(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        whole.error = InDoubtError("test.error", "SendGrid's answer was lost.")
        self.drain_and_die(monkeypatch)
        take_back(db)
        drain()
        assert [(batch.state, batch.outcomes) for batch in batches(db)] == [(BatchState.IN_DOUBT, b"?????")]

    def test_it_outlives_an_editor_who_sends_again(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.drain_and_die(monkeypatch)
        take_back(db)
        with db.transaction() as session:
            editor.resolve(session, digest_id, was_sent=False)
        drain()
        assert copies(whole) == {f"r{number}": 1 for number in range(1, 6)}


class TestAHiccupOfTheDatabase:
    def test_it_pauses_nothing(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        at_once: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        renew_lease, calls = claims.renew_lease, iter(range(100))

        def renew(*args: Any, **values: Any) -> bool:
            if next(calls) == 2:
                raise GONE
            return renew_lease(*args, **values)

        monkeypatch.setattr(claims, "renew_lease", renew)
        drain()
        assert paused_note(db, digest_id) is None
        drain()
        assert state_of(db, digest_id).status == "sent"
        assert copies(transport) == {f"r{number}": 1 for number in range(1, 6)}

    def test_nothing_sent_leaves_no_doubt(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        at_once: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def renew(*_args: Any, **_values: Any) -> bool:
            raise GONE

        monkeypatch.setattr(claims, "renew_lease", renew)
        monkeypatch.setattr(sending_context, "DRAIN_FOR", 0.0)
        drain()
        take_back(db)
        assert whole.requests == 0
        (batch,) = batches(db)
        assert (batch.state, paused_note(db, digest_id)) == (BatchState.READY, None)

    def test_a_commit_whose_answer_is_lost_leaves_no_doubt(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The batch is marked as being sent, the worker does not learn of it, and makes no request."""
        transaction = runtime().db.transaction

        @contextmanager
        def without_answer() -> Iterator[Session]:
            with transaction() as session:
                yield session
                is_marked = batches(db)[0].state == BatchState.CLAIMED  # as others still see it
            if is_marked:
                raise GONE

        with monkeypatch.context() as patch:
            patch.setattr(runtime().db, "transaction", without_answer)
            with pytest.raises(OperationalError):
                drain()
        assert [(batch.state, batch.outcomes) for batch in batches(db)] == [(BatchState.SENDING, b"?????")]
        drain()
        assert (whole.requests, state_of(db, digest_id).accepted) == (1, 5)
        assert list((runtime().settings.data_dir / "progress").iterdir()) == []


class Whole(ScriptedTransport):
    """Takes all recipients in one request."""

    all_or_nothing = True

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.during: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        if not result.may_continue():
            return
        self.requests += 1
        self.during()
        if self.error:
            raise self.error
        self.delivered += [(each.address.partition("@")[0], message.message_id(each)) for each in recipients]
        result.accept_rest("ref")


@pytest.fixture
def whole(
    transport: ScriptedTransport,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Whole:
    whole = Whole()
    monkeypatch.setattr("newsletter.delivery.sending.sending_context.open_transport", lambda _: whole)
    return whole


class TestALateAnswer:
    def test_it_is_still_an_answer(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
    ) -> None:
        whole.during = lambda: take_back(db)
        drain()
        (batch,) = batches(db)
        assert (batch.state, batch.note, batch.provider_ref) == (BatchState.DONE, None, "ref")
        assert state_of(db, digest_id).accepted == 5

    def test_it_ends_a_second_try_that_nobody_has_begun(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
    ) -> None:
        def resend() -> None:
            take_back(db)
            with db.transaction() as session:
                editor.resolve(session, digest_id, was_sent=False)

        whole.during = resend
        drain()
        drain()
        assert copies(whole) == {f"r{number}": 1 for number in range(1, 6)}

    def test_it_counts_for_nothing_once_another_worker_has_the_batch(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
    ) -> None:
        def lose_it() -> None:
            take_back(db)
            with db.transaction() as session:
                editor.resolve(session, digest_id, was_sent=False)
                assert claims.claim_batch(session)

        whole.during = lose_it
        drain()
        (batch,) = batches(db)
        assert (batch.state, batch.outcomes) == (BatchState.CLAIMED, b"wwwww")


class TestADoubtAboutSome:
    def test_it_does_not_hold_up_the_others(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        whole: Whole,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The limit allowed three of five, and the answer to their request is lost."""
        monkeypatch.setattr(SendingContext, "reserve", lambda self, wanted: Allowance(min(wanted, 3), 0))
        whole.error = InDoubtError("test.error", "SendGrid's answer was lost.")

        def only_once() -> None:
            if whole.requests > 1:
                whole.error = None

        whole.during = only_once
        drain()
        found = state_of(db, digest_id)
        assert (found.recipients, found.accepted, found.in_doubt) == (5, 2, 3)
        doubt, rest = batches(db)
        assert (doubt.state, doubt.attempt, doubt.outcomes) == (BatchState.IN_DOUBT, 1, b"???mm")
        assert (rest.state, rest.outcomes) == (BatchState.DONE, b"aa")
        with db.transaction() as session:
            editor.resolve(session, digest_id, doubt.id, was_sent=True)
        tick(runtime())
        assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", 5)


class TestTheTimeOfAJob:
    def test_a_run_ends_with_its_job_however_slow_each_answer_is(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each doubt may take MAIL_DEADLINE: RQ would end the job in the middle of one."""
        lost = InDoubtError("test.error", "The mail server's answer to a message did not arrive.")
        transport.answers = {name: die(lost) for name in ("r1", "r3", "r5")}
        monkeypatch.setattr(SendingContext, "should_yield", lambda self: True)
        drain()
        found = state_of(db, digest_id)
        assert (found.status, found.unanswered, found.accepted, found.waiting) == ("sending", 1, 0, 4)


class TestRetryAfter:
    @pytest.mark.parametrize("all_or_nothing", [True, False])
    def test_every_worker_waits_from_its_next_request_on(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
        *,
        all_or_nothing: bool,
    ) -> None:
        """Where each message has an answer of its own, no provider asks to wait: Redis is spared the question."""
        transport.all_or_nothing = all_or_nothing
        one, other = SendingContext.open(runtime()), SendingContext.open(runtime())
        assert one.reserve(3).allowed == other.reserve(3).allowed == 3
        one.back_off(30.0)
        assert one.reserve(3).allowed == 0
        assert other.reserve(3).allowed == (0 if all_or_nothing else 3)

    def test_a_provider_that_asks_to_wait_is_heard_by_all(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        def send(message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
            raise NotAcceptedError("sendgrid.busy", "Too many requests.", retry_after=30.0)

        transport.all_or_nothing = True
        transport.send = send  # type: ignore[method-assign]
        drain()
        assert SendingContext.open(runtime()).reserve(3).allowed == 0


class TestBackoff:
    def test_progress_begins_it_anew(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        """A server that closes after each message is opened again at once."""

        def send(message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
            index = result.waiting()[0]
            transport.delivered.append((recipients[index].address.partition("@")[0], ""))
            result.accepted(index)
            raise NotAcceptedError("smtp.busy", "Too many messages in one connection.")

        transport.send = send  # type: ignore[method-assign]
        drain()
        assert copies(transport) == {f"r{number}": 1 for number in range(1, 6)}
        assert [batch.failures for batch in batches(db)] == [0]

    def test_a_failure_after_progress_waits_shortly(
        self,
        db: Database,
        digest_id: int,  # noqa: F811
        transport: ScriptedTransport,  # noqa: F811
    ) -> None:
        with db.transaction() as session:
            session.execute(update(Batch).values(failures=9))
        transport.answers["r2"] = die(NotAcceptedError("smtp.busy", "Later."))
        drain()
        (batch,) = batches(db)
        assert batch.failures == 1
        assert batch.not_before is not None
        assert batch.not_before < clock.now() + timedelta(seconds=5)
