"""The outgoing table: a mail is sent once its job or the clock finds it, and never lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, epoch_now
from newsletter.mail import outgoing_mails, transactional_rendering
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.mail_types import MailPayload, MailType, WaitingMail, by_kind
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError, TransportError


class Provider:
    """A transport that keeps the mails that it accepts, and answers as told. (Real ones: tests/contract.)"""

    name, all_or_nothing, idempotent, deadline, silence = "provider", False, False, 5.0, 5.0

    def __init__(self, error: TransportError | None = None, refuse: str = "", defer: str = "") -> None:
        self.error, self.refuse, self.defer = error, refuse, defer
        self.accepted: list[tuple[str, str]] = []

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        if self.error:
            raise self.error
        if self.refuse:
            result.refused(0, self.refuse, FailureKind.MAILBOX)
        elif self.defer:
            result.deferred(0, self.defer)
        else:
            self.accepted.append((recipients[0].address, message.message_id(recipients[0])))
            result.accepted(0)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Hello(MailPayload):
    kind = "hello"
    to: str = ""
    is_moot: bool = False


def hello(_session: Session, settings: Settings, mail: WaitingMail[Hello]) -> tuple[Message, Recipient] | None:
    if mail.payload.is_moot:
        return None
    context = {"link": settings.url("/confirm/x"), "days": 7}
    message = transactional_rendering.compose_mail(settings, "confirmation", context, mail_id=mail.id, id_salt=b"salt")
    return message, Recipient(mail.id, mail.payload.to)


def add(db: Database, to: str = "", *, is_moot: bool = False) -> int:
    with db.transaction() as session:
        return outgoing_mails.add_mail(session, Hello(to, is_moot), subscriber_id=None)


def send(db: Database, settings: Settings, provider: Provider, mail_id: int) -> None:
    outgoing_mails.send_mail(db, settings, provider, by_kind(MailType(Hello, hello)), mail_id)


def rows(db: Database) -> Sequence[OutgoingMail]:
    with db.reading() as session:
        return session.scalars(select(OutgoingMail)).all()


def due(db: Database) -> list[int]:
    with db.reading() as session:
        return outgoing_mails.due_mails(session)


def test_a_row_is_deleted_when_its_mail_is_accepted(db: Database, settings: Settings) -> None:
    provider = Provider()
    mail_id = add(db, to="a@readers.example")
    assert due(db) == [mail_id]
    send(db, settings, provider, mail_id)
    assert [to for to, _ in provider.accepted] == ["a@readers.example"]
    assert rows(db) == []
    send(db, settings, provider, mail_id)
    assert len(provider.accepted) == 1


def test_a_rolled_back_transaction_sends_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError), db.transaction() as session:  # noqa: PT012 - the error is in the block
        outgoing_mails.add_mail(session, Hello("a@readers.example"), subscriber_id=None)
        raise RuntimeError
    assert due(db) == []


def test_a_mail_that_has_nothing_to_say_any_more_is_dropped(db: Database, settings: Settings) -> None:
    provider = Provider()
    send(db, settings, provider, add(db, is_moot=True))
    assert (provider.accepted, rows(db)) == ([], [])


def test_a_mail_that_was_not_accepted_waits_and_keeps_its_message_id(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    send(db, settings, Provider(NotAcceptedError("test.failure", "Busy.", retry_after=120)), mail_id)
    (row,) = rows(db)
    assert (row.note, row.attempt, due(db)) == ("Busy.", 1, [])
    assert row.not_before is not None
    assert row.not_before - clock.now() > timedelta(seconds=100)
    with clock.set_to(clock.now() + timedelta(seconds=200)):
        assert due(db) == [mail_id]
        first, second = Provider(), Provider()
        send(db, settings, first, mail_id)
    other = add(db, to="a@readers.example")
    send(db, settings, second, other)
    assert first.accepted[0][1] != second.accepted[0][1]


@pytest.mark.parametrize(
    "error",
    [RefusedForGoodError("test.failure", "The key is wrong."), InDoubtError("test.failure", "The answer was lost.")],
)
def test_no_error_loses_a_mail(db: Database, settings: Settings, error: TransportError) -> None:
    send(db, settings, Provider(error), add(db, to="a@readers.example"))
    assert [row.note for row in rows(db)] == [str(error)]


def test_a_deferred_mail_waits_and_a_refused_one_is_dropped(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    send(db, settings, Provider(defer="450 later"), mail_id)
    assert [row.note for row in rows(db)] == ["450 later"]
    with clock.set_to(clock.now() + timedelta(hours=1)):
        send(db, settings, Provider(refuse="550 unknown"), mail_id)
    assert rows(db) == []


def test_a_mail_is_given_up_after_days(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    with clock.set_to(clock.now() + timedelta(days=4)):
        send(db, settings, Provider(NotAcceptedError("test.failure", "Busy.")), mail_id)
    assert rows(db) == []


def test_a_claim_holds_until_its_lease_is_over(db: Database, settings: Settings) -> None:
    mail_id = add(db, to="a@readers.example")
    assert outgoing_mails._claim(db, mail_id, lease=60) is not None
    provider = Provider()
    send(db, settings, provider, mail_id)
    assert (provider.accepted, due(db)) == ([], [])
    with db.transaction() as session:
        session.execute(update(OutgoingMail).values(lease_until=epoch_now() - 1))
    assert due(db) == [mail_id]
    send(db, settings, provider, mail_id)
    assert len(provider.accepted) == 1
