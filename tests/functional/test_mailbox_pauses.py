"""The pause between two mails to one mailbox, by whatever spelling of its address and however they are requested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.mail.models import OutgoingMail
from newsletter.operations import signups
from newsletter.subscribers import addresses, salts
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import LinkPurpose, Subscriber, SubscriberStatus
from tests.factories import compose_mail, decide_all, request_signup

NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)
GMAIL = ["victim@gmail.com", "vic.tim@gmail.com", "v.ictim+a@gmail.com", "victim@googlemail.com"]


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.set_to(NOON):
        yield


@pytest.fixture
def settings(settings: Settings, valkey_url: str, queues: Queues) -> Settings:
    return replace(settings, redis_url=valkey_url)


def sign_up(db: Database, settings: Settings, address: str, minute: float = 0) -> list[int]:
    """The mails that a sign-up brings, so many minutes after noon."""
    with clock.set_to(NOON + timedelta(minutes=minute)):
        with db.transaction() as session:
            request_signup(session, address)
        return decide_all(db, settings)


def minutes(db: Database) -> list[tuple[str, int]]:
    """The mails that would be written, and the minutes after noon at which they may go."""
    found = []
    with db.reading() as session:
        for row in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)):
            composed = compose_mail(session, runtime().settings, row)
            if composed is not None:
                at = row.not_before or row.created_at
                found.append((composed[1].address, round((at - NOON) / timedelta(minutes=1))))
    return found


@pytest.mark.parametrize(
    "spellings", [GMAIL, [f"victim+{number}@example.org" for number in range(4)], ["v@x.example", "v+1@x.example"] * 2]
)
def test_mails_to_one_mailbox_wait_for_its_pause(
    client: FlaskClient, db: Database, settings: Settings, spellings: list[str]
) -> None:
    for address in spellings:
        sign_up(db, settings, address)
    different = list(dict.fromkeys(spellings))
    assert minutes(db) == list(zip(different, [0, 10, 30], strict=False)), "the fourth would wait for over an hour"


def test_a_flood_of_spellings_brings_a_handful_of_mails_an_hour(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    for number in range(180):
        sign_up(db, settings, f"victim+{number}@example.org", minute=number)
    sent = [minute for _, minute in minutes(db)]
    for hour in range(3):
        assert sum(60 * hour <= minute < 60 * (hour + 1) for minute in sent) <= 4


def test_every_spelling_gets_its_mail_at_last(client: FlaskClient, db: Database, settings: Settings) -> None:
    for number in range(10):
        sign_up(db, settings, f"victim+{number}@example.org")
    assert sign_up(db, settings, "victim@example.org") == []
    assert sign_up(db, settings, "victim@example.org", minute=61)
    assert minutes(db)[-1] == ("victim@example.org", 61)


def test_signing_up_again_does_not_make_a_mail_wait_for_longer(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    for number in range(3):
        sign_up(db, settings, f"victim+{number}@example.org")
    for minute in (11, 21, 29):
        assert sign_up(db, settings, "victim+2@example.org", minute=minute) == []
    assert minutes(db)[-1] == ("victim+2@example.org", 30)


def test_one_spelling_has_the_pauses_that_it_always_had(client: FlaskClient, db: Database, settings: Settings) -> None:
    mailed = [minute for minute in range(0, 200, 5) if sign_up(db, settings, "ada@example.org", minute=minute)]
    assert mailed == [0, 10, 30, 70, 150]
    with db.reading() as session:
        assert not any(row.not_before for row in session.scalars(select(OutgoingMail)))


def test_other_mailboxes_do_not_wait(client: FlaskClient, db: Database, settings: Settings) -> None:
    for address in ("vic.tim@example.org", "victim@example.org", "victim@gmail.example", "other@gmail.com"):
        assert sign_up(db, settings, address)
    assert {minute for _, minute in minutes(db)} == {0}


def test_a_returning_reader_gets_a_mail_whoever_made_the_pause_long(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    sign_up(db, settings, "victim@example.org")
    with db.transaction() as session:
        [victim] = session.scalars(select(Subscriber))
        victim.status, victim.unsubscribed_at = SubscriberStatus.UNSUBSCRIBED, NOON + timedelta(minutes=1)
    for number in range(10):
        sign_up(db, settings, f"victim+{number}@example.org", minute=2)
    assert sign_up(db, settings, "victim@example.org", minute=3)
    assert minutes(db)[-1] == ("victim@example.org", 10)


def decide_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide on what waits, while no transaction can be committed, as on a full disk."""
    salts.present_salt(runtime().db)
    transaction = runtime().db.transaction

    @contextmanager
    def failing() -> Iterator[Session]:
        with transaction() as session:
            yield session
            session.flush()
            raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(runtime().db, "transaction", failing)
        with pytest.raises(OperationalError):
            signups.decide_some(runtime())


def test_sign_ups_get_their_mails_though_the_database_failed_for_a_while(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        for address in ("ada+1@example.org", "ada+2@example.org", "bob@example.org"):
            request_signup(session, address)
    for _ in range(6):
        decide_in_vain(monkeypatch)
    assert signups.decide_some(runtime()) == 3
    assert minutes(db) == [("ada+1@example.org", 0), ("ada+2@example.org", 10), ("bob@example.org", 0)]


def test_a_failure_takes_back_no_mail_that_was_added_before(
    client: FlaskClient, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(db, settings, "ada@example.org")
    with db.transaction() as session:
        request_signup(session, "ada+1@example.org")
    decide_in_vain(monkeypatch)
    assert signups.decide_some(runtime()) == 1
    assert minutes(db)[-1] == ("ada+1@example.org", 10)


# Changes of address, and one-time links


@pytest.fixture
def readers(db: Database) -> list[str]:
    """Six readers, of whom the last two have one mailbox; their tokens."""
    names = [f"r{number}@evil.example" for number in range(4)] + ["ada@example.org", "ada+news@example.org"]
    with db.transaction() as session:
        import_rows(session, [ImportedReader(name) for name in names])
        return [session.scalars(select(Subscriber.token).where(Subscriber.address == name)).one() for name in names]


def change(client: FlaskClient, db: Database, settings: Settings, token: str, address: str) -> str:
    """The page that answers, when the reader with this token changes the address."""
    with db.reading() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.token == token)).one()
        link = one_time_links.link_token(settings.signing_keys, reader, LinkPurpose.ADDRESS)
    answer = client.post(f"/address/{link}", data={"email": address})
    assert answer.status_code == 200
    return answer.text


def test_changes_to_one_mailbox_have_one_pause(
    client: FlaskClient, db: Database, settings: Settings, readers: list[str]
) -> None:
    for token, address in zip(readers, GMAIL, strict=False):
        assert "Check the new mailbox" in change(client, db, settings, token, address)
    assert minutes(db) == [("victim@gmail.com", 0)]
    with clock.set_to(NOON + timedelta(minutes=10)):
        change(client, db, settings, readers[1], GMAIL[1])
    assert [address for address, _ in minutes(db)] == GMAIL[:2]


def test_sign_ups_and_changes_share_the_pause(
    client: FlaskClient, db: Database, settings: Settings, readers: list[str]
) -> None:
    sign_up(db, settings, "victim+1@example.org")
    change(client, db, settings, readers[0], "victim+2@example.org")
    assert minutes(db) == [("victim+1@example.org", 0)]
    change(client, db, settings, readers[0], "other@example.org")
    sign_up(db, settings, "other+1@example.org")
    assert minutes(db)[1:] == [("other@example.org", 0), ("other+1@example.org", 10)]


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_one_time_links_to_one_mailbox_have_one_pause(
    client: FlaskClient, db: Database, readers: list[str], purpose: LinkPurpose
) -> None:
    for token in readers[-2:]:
        assert "Check your mailbox" in client.post(f"/{purpose}-link/{token}").text
    assert minutes(db) == [("ada@example.org", 0), ("ada+news@example.org", 10)]


def test_a_stranger_s_sign_ups_keep_no_reader_from_their_data(
    client: FlaskClient, db: Database, settings: Settings, readers: list[str]
) -> None:
    for number in range(10):
        sign_up(db, settings, f"ada+{number}@example.org")
    client.post(f"/data-link/{readers[-2]}")
    assert minutes(db)[-1] == ("ada@example.org", 0)


# What is kept


def test_redis_keeps_a_hash_for_an_hour(client: FlaskClient, db: Database, settings: Settings, queues: Queues) -> None:
    sign_up(db, settings, "victim+1@gmail.com")
    [key] = queues.redis.keys("newsletter:mailboxes:*")
    assert isinstance(key, bytes)
    assert b"victim" not in key
    assert queues.redis.hgetall(key).keys() == {b"mails", b"last"}
    left = queues.redis.ttl(key)
    assert isinstance(left, int)
    assert 0 < left <= 3600
    with clock.set_to(NOON + timedelta(hours=1)):
        sign_up(db, settings, "victim+2@gmail.com", minute=60)
    assert len(queues.redis.keys("newsletter:mailboxes:*")) == 2, "an hour later, nobody is known again"


def test_without_redis_nobody_waits(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    pauses = MailboxPauses(Queues("unix:///nowhere/valkey.sock").redis, salts.present_salt(db))
    key = addresses.identity_key("victim@example.org")
    assert [pauses.wait_before_mail(key) for _ in range(3)] == [timedelta()] * 3
    assert "mailboxes have no pause while Redis is away" in caplog.text
    assert "victim" not in caplog.text
