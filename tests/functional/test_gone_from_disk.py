"""What the documents say is deleted after some time is in no file after it, and what stays cannot be worked out.

The database is SQLite's: of PostgreSQL's files the documents promise nothing but autovacuum.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock, secure_delete
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import StoredReport
from newsletter.delivery.events.stored_reports import KEPT_FOR, content_of, seal_report
from newsletter.embedded.valkey import EmbeddedValkey
from newsletter.mail.models import OutgoingMail
from newsletter.mail.transports.errors import TransportError
from newsletter.operations import retention, transactional_sending
from newsletter.privacy import erasure
from newsletter.subscribers import addresses, mailbox_pauses
from newsletter.subscribers.account import address_change
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import RateLimitSalt, Subscriber, SubscriberStatus
from newsletter.subscribers.retention import UNCONFIRMED_FOR
from newsletter.subscribers.signup import networks
from tests.factories import decide_all, due_mails, form_token, no_pauses

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)
ADA, ADA_KEY, NEW, BOB = "Ada.Lovelace+x@gmail.com", "ada.lovelace+x@gmail.com", "ada@next.example", "bob@example.org"
NETWORK = "198.51.100.77"


@pytest.fixture
def settings(settings: Settings, valkey: EmbeddedValkey) -> Settings:
    return replace(settings, redis_url=f"unix://{valkey.socket}")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """The embedded queue in the data folder, with its append-only file."""
    valkey = EmbeddedValkey(tmp_path)
    valkey.ensure()
    yield valkey
    valkey.stop()


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.set_to(NOON):
        yield


def files_with(folder: Path, *found: str | bytes) -> list[str]:
    """The files in the folder that hold one of these."""
    wanted = [each if isinstance(each, bytes) else each.encode() for each in found]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(each in path.read_bytes() for each in wanted)]


def clean(after: timedelta) -> None:
    """The clock's hourly deletion, so long after noon."""
    with clock.set_to(NOON + after):
        runtime().queues.redis.delete(retention.LAST_RUN_KEY)
        retention.run_hourly(runtime())


def post(client: FlaskClient, address: str = ADA, *, network: str = NETWORK, **fields: str) -> None:
    data = {"email": address, "form_token": form_token(), **fields}
    assert client.post("/subscribe", data=data, environ_base={"REMOTE_ADDR": network}).status_code == 200


# docs/readers.md: "A sign-up that is not confirmed is deleted with its evidence after 14 days, a change of address
# too."


@pytest.mark.parametrize("is_decided", [True, False])
def test_a_sign_up_that_nobody_confirmed(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path, is_decided: bool
) -> None:
    post(client)
    if is_decided:
        transactional_sending.send_waiting_mails(runtime())
        for path in (tmp_path / "mail" / "new").iterdir():
            path.unlink()  # the mailbox is not ours
    assert files_with(tmp_path, ADA)
    clean(UNCONFIRMED_FOR)
    assert files_with(tmp_path, ADA)
    clean(UNCONFIRMED_FOR + timedelta(seconds=1))
    assert files_with(tmp_path, ADA, ADA_KEY) == []


def test_a_kill_after_the_deletion_leaves_the_cleaning_to_the_next_hour(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy lies in a free page, as SQLite leaves them."""

    def killed(*_args: object, **_values: object) -> None:
        raise KeyboardInterrupt

    post(client)
    with closing(sqlite3.connect(str(db.engine.url.database), isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("CREATE TABLE rubbish (text)")
        connection.execute("INSERT INTO rubbish VALUES (?)", ["." * 9000 + ADA])
        connection.execute("DROP TABLE rubbish")
    with monkeypatch.context() as patch:
        patch.setattr(secure_delete, "purge", killed)
        with pytest.raises(KeyboardInterrupt):
            clean(UNCONFIRMED_FOR + timedelta(seconds=1))
    assert files_with(tmp_path, ADA)
    clean(UNCONFIRMED_FOR + timedelta(hours=1))
    assert files_with(tmp_path, ADA, ADA_KEY) == []
    assert list(tmp_path.rglob("*-purge-pending")) == []


def test_many_sign_ups_that_nobody_confirmed(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    """SQLite leaves copies of some rows where it moves them from page to page."""
    names = [f"reader-{number}@{'x' * (number % 40 + 1)}.example" for number in range(700)]
    with db.transaction() as session:
        import_rows(session, [ImportedReader(name) for name in [*names, BOB]])
        for reader in session.scalars(select(Subscriber).where(Subscriber.address != BOB)):
            reader.status, reader.created_at = SubscriberStatus.PENDING, NOON
            reader.sections = ["y" * (reader.id % 60 + 1)]
    clean(UNCONFIRMED_FOR + timedelta(seconds=1))
    assert files_with(tmp_path, *names) == []
    assert files_with(tmp_path, BOB)


def test_a_change_of_address_that_nobody_confirmed(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(BOB)])
        address_change.request_change(session, no_pauses(), session.scalars(select(Subscriber)).one(), NEW)
    assert files_with(tmp_path, NEW)
    clean(UNCONFIRMED_FOR + timedelta(seconds=1))
    assert files_with(tmp_path, NEW) == []
    assert files_with(tmp_path, BOB)


# docs/events.md: reports "are kept for 30 days"


def test_a_report(client: FlaskClient, db: Database, settings: Settings, tmp_path: Path) -> None:
    content = content_of(seal_report(settings.suppression_key, b"550 5.1.1 no such user"))
    with db.transaction() as session:
        import_rows(session, [ImportedReader(BOB)])
        [bob] = session.scalars(select(Subscriber.id))
        row = {"subscriber_id": bob, "kind": EventKind.BOUNCED, "dedupe_key": "1", "content": content}
        session.add(StoredReport(**row))
    clean(KEPT_FOR)
    assert files_with(tmp_path, content)
    clean(KEPT_FOR + timedelta(seconds=1))
    assert files_with(tmp_path, content) == []


# docs/readers.md: the address in the last mail's row stays "until it is sent, 3 days at most"


def test_the_last_mail_of_an_erased_reader_that_could_not_be_sent(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise TransportError("transport.silent", "no answer in time")

    monkeypatch.setattr("newsletter.mail.transports.maildir.MaildirTransport.send", fail)
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        [ada] = session.scalars(select(Subscriber))
        mail = erasure.erase_subscriber(session, settings.suppression_key, ada, by=READER)
    assert mail is not None
    for hours in (0, 24, 48, 72):
        with clock.set_to(NOON + timedelta(hours=hours, minutes=hours)):
            assert files_with(tmp_path, ADA)
            assert due_mails(db) == [mail]
            transactional_sending.send_waiting_mails(runtime())
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail)).all() == []
    assert files_with(tmp_path, ADA, ADA_KEY) == []


# docs/readers.md: a random salt, "in the database alone and replaced each hour", so that "what stays in the queue's
# append-only file can be worked out by nobody"; a form's token is in its page alone


def salt_of(db: Database) -> bytes:
    with db.reading() as session:
        return session.scalars(select(RateLimitSalt.salt)).one()


def counted_names() -> list[str]:
    """What is counted of a sign-up by Ada from her network."""
    key = addresses.identity_key(ADA)
    mailbox = addresses.mailbox(key)
    names = [f"network {network}" for network in networks.networks_of(NETWORK)]
    return [*names, f"address {key}", f"mailbox {mailbox}", f"mailbox {mailbox} {mailbox_pauses.ENTERED}"]


def hashed(salt: bytes, name: str) -> str:
    return hmac.digest(salt, name.encode(), "sha256")[:16].hex()


def test_an_hour_later_nobody_can_work_out_who_was_counted(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    post(client)
    decide_all(db, settings)
    salt = salt_of(db)
    log = tmp_path / "valkey"
    assert files_with(log, salt) == []
    for name in counted_names():
        assert files_with(log, hashed(salt, name)), f"{name} is counted"
    assert files_with(log, ADA, ADA_KEY, NETWORK, "lovelace") == []
    with clock.set_to(NOON + timedelta(hours=1)):
        post(client, BOB, network="203.0.113.9")
    clean(timedelta(hours=1, minutes=1))
    assert files_with(tmp_path, salt) == []
    keys = [salt_of(db), *(key.encode() for key in (*settings.signing_keys, settings.suppression_key))]
    assert files_with(log, *(hashed(key, name) for key, name in product(keys, counted_names()))) == []


def test_without_another_sign_up_the_salt_goes_too(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    post(client)
    salt = salt_of(db)
    assert files_with(tmp_path, salt)
    clean(timedelta(hours=1))
    assert files_with(tmp_path, salt) == []


def test_a_form_s_token_is_in_no_file(client: FlaskClient, db: Database, settings: Settings, tmp_path: Path) -> None:
    token = form_token()
    post(client, form_token=token)
    assert files_with(tmp_path / "valkey", "newsletter:forms:")
    assert files_with(tmp_path, token) == []


def test_what_the_queue_keeps_of_limits_of_mail_names_nobody(
    client: FlaskClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    """docs/operate.md: MAIL_RATE_LIMITS are counted for all workers together."""
    post(client)
    decide_all(db, settings)
    assert runtime().queues.enqueue_mails()
    assert files_with(tmp_path / "valkey", "rq:job:")
    assert files_with(tmp_path / "valkey", ADA, ADA_KEY, "Lovelace", NETWORK) == []
