"""The outgoing table: a mail is sent once its job or the clock finds it, and never lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from newsletter.core import clock, shutdown
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now
from newsletter.core.tokens import random_token
from newsletter.mail import outgoing_mails, outgoing_sending, transactional_rendering
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.mail_types import Compose, Composer, MailPayload, MailType, WaitingMail, by_kind, one_by_one
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import SendResult
from newsletter.mail.outgoing_sending import SentMails
from newsletter.mail.tracking import Tracking
from newsletter.mail.transactional_rendering import PLACEHOLDER
from newsletter.mail.transports.errors import (
    CutOffError,
    InDoubtError,
    NotAcceptedError,
    RefusedForGoodError,
    TransportError,
)
from tests.factories import due_mails


class Provider:
    """A transport that keeps the mails that it accepts, and answers as told. (Real ones: tests/contract.)

    `error` is raised at each call, or only when the first of `at` is the next waiting recipient.
    """

    name, idempotent, deadline, silence = "provider", False, 5.0, 5.0
    unrecorded_tracking = Tracking.NOT_OFFERED

    def __init__(
        self,
        error: Exception | None = None,
        refuse: str = "",
        defer: str = "",
        *,
        at: Collection[str] = (),
        all_or_nothing: bool = False,
    ) -> None:
        self.error, self.refuse, self.defer, self.at = error, refuse, defer, at
        self.all_or_nothing = all_or_nothing
        self.accepted: list[tuple[str, str]] = []
        self.calls: list[int] = []

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        self.calls.append(len(result.waiting()))
        if self.error and self.all_or_nothing and (not self.at or {each.address for each in recipients} & set(self.at)):
            raise self.error
        for index in result.waiting():
            recipient = recipients[index]
            if self.error and (not self.at or recipient.address in self.at):
                raise self.error
            if self.refuse:
                result.refused(index, self.refuse, FailureKind.MAILBOX)
            elif self.defer:
                result.deferred(index, self.defer)
            else:
                self.accepted.append((recipient.address, message.message_id(recipient)))
                result.accepted(index)

    def addresses(self) -> list[str]:
        return [address for address, _ in self.accepted]

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Hello(MailPayload):
    kind = "hello"
    to: str = ""
    is_moot: bool = False
    is_broken: bool = False


def hello(_session: Session, settings: Settings, mail: WaitingMail[Hello]) -> tuple[Message, Recipient] | None:
    if mail.payload.is_broken:
        raise LookupError
    if mail.payload.is_moot:
        return None
    message = transactional_rendering.compose_mail(settings, "confirmation", f"/confirm/{PLACEHOLDER}", {"days": 7})
    return message, Recipient(mail.id, mail.payload.to, random_token())


def add(db: Database, to: str = "", *, is_moot: bool = False, is_broken: bool = False) -> int:
    with db.transaction() as session:
        return outgoing_mails.add_mail(session, Hello(to, is_moot, is_broken), subscriber_id=None)


def hellos(session: Session, settings: Settings, mails: Sequence[WaitingMail[Hello]]) -> Compose[Hello]:
    """Reads something about all of them, which fails where one is broken."""
    if any(mail.payload.is_broken for mail in mails):
        raise LookupError
    return partial(hello, session, settings)


HELLO = one_by_one(hello)


def send(db: Database, settings: Settings, provider: Provider, composer: Composer[Hello] = HELLO) -> SentMails:
    sent = outgoing_sending.send_due(db, settings, provider, by_kind(MailType(Hello, composer)))
    if sent.error:
        raise sent.error
    return sent


def rows(db: Database) -> Sequence[OutgoingMail]:
    with db.reading() as session:
        return session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()


def readers(count: int) -> list[str]:
    return [f"r{number}@readers.example" for number in range(count)]


def test_a_row_is_deleted_when_its_mail_is_accepted(db: Database, settings: Settings) -> None:
    provider = Provider()
    mail_id = add(db, to="a@readers.example")
    assert due_mails(db) == [mail_id]
    assert [claim.id for claim in send(db, settings, provider).deleted] == [mail_id]
    assert provider.addresses() == ["a@readers.example"]
    assert rows(db) == []
    assert send(db, settings, provider).claimed == 0
    assert len(provider.accepted) == 1


def test_mails_of_a_kind_go_out_in_one_call(db: Database, settings: Settings) -> None:
    provider = Provider()
    for to in readers(outgoing_sending.TOGETHER + 3):
        add(db, to=to)
    while send(db, settings, provider).claimed:
        pass
    assert provider.addresses() == readers(outgoing_sending.TOGETHER + 3)
    assert provider.calls == [outgoing_sending.TOGETHER, 3]
    assert len({message_id for _, message_id in provider.accepted}) == outgoing_sending.TOGETHER + 3


def test_an_address_stands_in_a_call_once(db: Database, settings: Settings) -> None:
    provider = Provider()
    for to in ("a@readers.example", "b@readers.example", "A@readers.example", "a@readers.example"):
        add(db, to=to)
    send(db, settings, provider)
    assert provider.calls == [2, 1, 1]
    assert rows(db) == []


def test_a_rolled_back_transaction_sends_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError), db.transaction() as session:  # noqa: PT012 - the error is in the block
        outgoing_mails.add_mail(session, Hello("a@readers.example"), subscriber_id=None)
        raise RuntimeError
    assert due_mails(db) == []


def test_a_mail_that_has_nothing_to_say_any_more_is_dropped(db: Database, settings: Settings) -> None:
    provider = Provider()
    add(db, is_moot=True)
    send(db, settings, provider)
    assert (provider.accepted, rows(db)) == ([], [])


def test_a_mail_that_was_not_accepted_waits_and_keeps_its_message_id(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    send(db, settings, Provider(NotAcceptedError("test.failure", "Busy.", retry_after=120)))
    (row,) = rows(db)
    assert (row.note, row.attempt, due_mails(db)) == ("Busy.", 1, [])
    assert row.not_before is not None
    assert row.not_before - clock.now() > timedelta(seconds=100)
    first, again, second = Provider(), Provider(), Provider()
    with clock.set_to(clock.now() + timedelta(seconds=200)):
        assert due_mails(db) == [mail_id]
        send(db, settings, first)
    add(db, to="a@readers.example")
    send(db, settings, second)
    assert first.accepted[0][1] != second.accepted[0][1]
    with db.transaction() as session:
        session.execute(insert(OutgoingMail).values(id=mail_id, kind="hello", payload=row.payload))
    send(db, settings, again)
    assert again.accepted == first.accepted


@pytest.mark.parametrize("all_or_nothing", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        RefusedForGoodError("test.failure", "The key is wrong."),
        InDoubtError("test.failure", "The answer was lost."),
        NotAcceptedError("test.failure", "Busy."),
        ValueError("a@readers.example"),
    ],
)
def test_no_error_loses_a_mail(db: Database, settings: Settings, error: Exception, all_or_nothing: bool) -> None:
    for to in readers(5):
        add(db, to=to)
    with pytest.raises(ValueError) if isinstance(error, ValueError) else nullcontext():  # noqa: PT011
        send(db, settings, Provider(error, all_or_nothing=all_or_nothing))
    words = "Unforeseen error: ValueError." if isinstance(error, ValueError) else str(error)
    assert [row.note for row in rows(db)] == [words] * 5
    assert due_mails(db) == []


@pytest.mark.parametrize(
    "error",
    [
        RefusedForGoodError("test.failure", "We do not like you."),
        InDoubtError("test.failure", "The answer was lost."),
        CutOffError("test.failure", "The connection was closed."),
    ],
)
def test_a_mail_that_fails_holds_up_no_other(db: Database, settings: Settings, error: TransportError) -> None:
    for to in readers(6):
        add(db, to=to)
    provider = Provider(error, at=("r0@readers.example", "r1@readers.example", "r4@readers.example"))
    send(db, settings, provider)
    assert provider.addresses() == ["r2@readers.example", "r3@readers.example", "r5@readers.example"]
    assert [row.note for row in rows(db)] == [str(error)] * 3


def test_what_one_mail_spoils_for_all_is_tried_alone_next_time(db: Database, settings: Settings) -> None:
    for to in readers(3):
        add(db, to=to)
    provider = Provider(RefusedForGoodError("test.failure", "No."), at=("r1@readers.example",), all_or_nothing=True)
    send(db, settings, provider)
    assert provider.accepted == []
    with clock.set_to(clock.now() + timedelta(minutes=1)):
        send(db, settings, provider)
    assert provider.addresses() == ["r0@readers.example", "r2@readers.example"]


def test_mails_are_free_again_at_once_when_the_database_fails(db: Database, settings: Settings) -> None:
    def fail(_session: Session, _settings: Settings, _mails: Sequence[WaitingMail[Hello]]) -> Compose[Hello]:
        raise OperationalError("SELECT", None, Exception("it is gone"))

    mail_id = add(db, "a@readers.example")
    with pytest.raises(OperationalError):
        send(db, settings, Provider(), fail)
    assert due_mails(db) == [mail_id]


@pytest.mark.parametrize("composer", [HELLO, hellos])
def test_a_composer_that_fails_holds_up_no_other(db: Database, settings: Settings, composer: Composer[Hello]) -> None:
    provider = Provider()
    for broken in (True, False, True, False):
        add(db, "a@readers.example", is_broken=broken)
    with pytest.raises(LookupError):
        send(db, settings, provider, composer)
    assert len(provider.accepted) == 2
    assert [row.note for row in rows(db)] == ["Unforeseen error: LookupError."] * 2
    assert due_mails(db) == []


def test_a_deferred_mail_waits_and_a_refused_one_is_dropped(db: Database, settings: Settings) -> None:
    add(db, to="a@readers.example")
    send(db, settings, Provider(defer="450 later"))
    assert [row.note for row in rows(db)] == ["450 later"]
    with clock.set_to(clock.now() + timedelta(hours=1)):
        send(db, settings, Provider(refuse="550 unknown"))
    assert rows(db) == []


def test_a_mail_is_given_up_after_days(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    with clock.set_to(clock.now() + timedelta(days=4)):
        sent = send(db, settings, Provider(NotAcceptedError("test.failure", "Busy.")))
    assert ([claim.id for claim in sent.deleted], rows(db)) == ([mail_id], [])


def test_a_claim_holds_until_its_lease_is_over(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    with db.transaction() as session:
        assert [claim.id for claim in outgoing_mails.claim_mails(session, 60, 10)] == [mail_id]
    provider = Provider()
    send(db, settings, provider)
    assert (provider.accepted, due_mails(db)) == ([], [])
    with db.transaction() as session:
        session.execute(update(OutgoingMail).values(lease_until=epoch_now() - 1))
    assert due_mails(db) == [mail_id]
    send(db, settings, provider)
    assert len(provider.accepted) == 1


def test_who_lost_the_claim_changes_nothing(db: Database, settings: Settings) -> None:
    add(db, to="a@readers.example")
    with db.transaction() as session:
        slow = outgoing_mails.claim_mails(session, -1, 10)
        other = outgoing_mails.claim_mails(session, 60, 10)
    with db.transaction() as session:
        outgoing_mails.drop(session, slow)
        outgoing_mails.release(session, slow)
        outgoing_mails.postpone(session, [outgoing_mails.Postponed(slow[0], "late")])
    (row,) = rows(db)
    assert (row.note, row.attempt, row.lease_until is not None) == (None, other[0].attempt, True)


def test_accepted_mails_are_recorded_before_the_last_is_sent(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed repeats those of the last second."""
    monkeypatch.setattr(outgoing_sending, "RECORD_EVERY", 0.0)
    for to in readers(3):
        add(db, to=to)
    left: list[int] = []

    class Looking(Provider):
        def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
            for index in result.waiting():
                left.append(len(rows(db)))
                result.accepted(index)

    send(db, settings, Looking())
    assert left == [3, 2, 1]


class SlowProvider(Provider):
    """A mail takes `seconds`, by the clock of the worker and by that of the database."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        super().__init__()
        self.db, self.seconds, self.now = db, seconds, 0.0
        self.taken: list[int] = []
        """The mails that another worker could claim meanwhile."""
        monkeypatch.setattr(outgoing_sending, "time", SimpleNamespace(monotonic=lambda: self.now))

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        for index in result.waiting():
            if not result.may_continue():
                return
            self.take_long()
            self.accepted.append((recipients[index].address, ""))
            result.accepted(index)

    def take_long(self) -> None:
        self.now += self.seconds
        with self.db.transaction() as session:
            session.execute(update(OutgoingMail).values(lease_until=OutgoingMail.lease_until - self.seconds))
            self.taken += [claim.id for claim in outgoing_mails.claim_mails(session, 60, 10)]


def test_nobody_else_gets_what_waits_behind_slow_mails(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take longer than a lease, each of them less; the server answers so soon that nothing else renews it."""
    for to in readers(6):
        add(db, to=to)
    provider = SlowProvider(db, monkeypatch, Provider.silence)
    send(db, settings, provider)
    assert (provider.taken, provider.addresses(), rows(db)) == ([], readers(6), [])


def test_nobody_else_gets_what_was_accepted_before_a_slow_mail(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes two at once, and then more than a lease for its answer to the third."""

    class Patient(SlowProvider):
        def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
            result.accepted(0)
            result.accepted(1)
            for _ in range(4):
                self.take_long()
                result.keep_alive()
            result.accepted(2)

    for to in readers(3):
        add(db, to=to)
    provider = Patient(db, monkeypatch, Provider.silence)
    send(db, settings, provider)
    assert (provider.taken, rows(db)) == ([], [])


def test_a_worker_whose_leases_were_over_sends_no_more(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a machine was stopped for a while."""
    mails = [add(db, to=to) for to in readers(3)]
    provider = SlowProvider(db, monkeypatch, Provider.silence * 3)
    send(db, settings, provider)
    assert (provider.taken, provider.addresses()) == (mails, readers(1))
    assert [row.attempt for row in rows(db)] == [2, 2, 2], "they are the other worker's"


def test_a_stop_gives_the_rest_back(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for to in readers(3):
        add(db, to=to)

    class Stopped(Provider):
        def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
            result.accepted(0)
            monkeypatch.setattr(shutdown, "requested", lambda: True)
            assert not result.may_continue()

    send(db, settings, Stopped())
    assert len(rows(db)) == 2
    assert len(due_mails(db)) == 2, "at once, by another worker"
