"""Erasure: what is left of a reader is a keyed hash."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from newsletter.core import clock, file_search, secure_delete
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.core.ids import AddressKey
from newsletter.core.queue import Queues
from newsletter.core.runtime import Runtime, runtime
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.sending import draining
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import OUTCOME_NAMES
from newsletter.migrations.tables import metadata
from newsletter.operations import transactional_sending
from newsletter.operations.tick import tick
from newsletter.privacy import erasure
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    LinkPurpose,
    PastSubscription,
    SignupRequest,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
    Unsuppression,
)
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, no_pauses, send_digest, sign_up

ADA = "Ada.Lovelace@example.org"
KEY = AddressKey("ada.lovelace@example.org")
EVERYWHERE = {
    "consents",
    "signup_requests",
    "address_changes",
    "one_time_links",
    "events",
    "refusals",
    "outgoing_mail",
    "unsuppressions",
    "past_subscriptions",
}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """The data folder holds what the service keeps; the mailboxes, which a Maildir stands for, are elsewhere."""
    return replace(settings, data_dir=tmp_path / "var", maildir=tmp_path / "mailboxes")


@pytest.fixture
def ada(db: Database, settings: Settings) -> Subscriber:
    """A reader with something in every table, and others beside."""
    add_article(db, "One")
    add_readers(db, 3)
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        ada = session.scalars(select(Subscriber).where(Subscriber.address == ADA)).one()
    digest = send_digest(db, settings)
    with db.transaction() as session:
        ada = session.get_one(Subscriber, ada.id)
        one_time_links.request_link(session, no_pauses(), ada, LinkPurpose.DATA)
        now = clock.now()
        session.add_all(
            [
                Consent(subscriber_id=ada.id, wording="Yes", page="/subscribe", requested_at=now),
                AddressChange(subscriber_id=ada.id, address="ada@next.example", address_key="ada@next.example"),
                SignupRequest(address=ADA, address_key=KEY, preferences={}, page="/", wording="Again"),
                Unsuppression(
                    key_hash=suppressions.suppression_hash(settings.suppression_key, KEY),
                    reason="bounced",
                    why="Ada wrote to us",
                ),
                PastSubscription(
                    key_hash=suppressions.suppression_hash(settings.suppression_key, KEY),
                    token_hash=b"t" * 32,
                    ended_as="unsubscribed",
                    ended_at=now,
                ),
                Refusal(digest_id=digest, subscriber_id=ada.id, reason="550", temporary=False),
                Event(subscriber_id=ada.id, kind="bounced", dedupe_key="1", reason="550", occurred_at=now),
            ]
        )
    return ada


def contents(db: Database) -> dict[str, list[str]]:
    with db.reading() as session:
        return {table.name: sorted(map(repr, session.execute(table.select()))) for table in metadata.sorted_tables}


def erase(client: FlaskClient, settings: Settings, reader: Subscriber) -> str:
    token = one_time_links.link_token(settings.signing_keys, reader, LinkPurpose.DATA)
    answer = client.post(f"/data/{token}/erase")
    assert answer.status_code == 200
    again = client.post(f"/data/{token}/erase")
    assert again.status_code == 404
    assert "Nothing is kept" in again.text
    return answer.text


def send_last_mail(db: Database) -> None:
    transactional_sending.send_waiting_mails(runtime())


def pending_file(db: Database) -> Path:
    return Path(f"{db.engine.url.database}-purge-pending")


def files_with(folder: Path, *texts: str) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size and file_search.contains_any(path, texts)
    ]


def test_every_row_goes_and_a_hash_and_a_mail_stay(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    before = contents(db)
    assert all(before[name] for name in EVERYWHERE)
    page = erase(client, settings, ada)
    assert "Your data is erased" in page
    assert "One last email" in page
    after = contents(db)
    assert not any(after[name] for name in EVERYWHERE - {"outgoing_mail"})
    assert len(after["subscribers"]) == len(before["subscribers"]) - 1
    assert after["batches"] == before["batches"]
    with db.reading() as session:
        row = session.scalars(select(OutgoingMail)).one()
        assert (row.kind, row.payload["address"]) == ("erased", ADA)
        assert suppressions.reason_for(session, settings.suppression_key, KEY) == SuppressionReason.ERASED
    send_last_mail(db)
    left = str(contents(db)).lower()
    assert KEY not in left
    assert ada.token.lower() not in left
    [mail] = (settings.maildir / "new").iterdir()
    assert f"To: {ADA}" in mail.read_text()
    assert "Your data is erased" in mail.read_text()


def test_the_address_before_brings_nobody_back_either(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    with db.transaction() as session:
        session.scalars(select(AddressChange)).one().changed_at = clock.now()
    erase(client, settings, ada)
    with db.reading() as session:
        assert (
            suppressions.reason_for(session, settings.suppression_key, AddressKey("ada@next.example"))
            == SuppressionReason.ERASED
        )


def test_neither_logs_nor_redis_hear_of_it(
    client: FlaskClient,
    db: Database,
    settings: Settings,
    ada: Subscriber,
    queues: Queues,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    vars(runtime())["queues"] = queues
    client.post(f"/data-link/{ada.token}")
    erase(client, settings, ada)
    send_last_mail(db)
    assert queues.mails_wait()
    kept = b"".join(queues.redis.dump(key) or b"" for key in queues.redis.scan_iter())
    for secret in (ADA, KEY, ada.token):
        assert secret not in caplog.text
        assert secret.encode() not in kept


def test_others_keep_everything(client: FlaskClient, db: Database, settings: Settings, ada: Subscriber) -> None:
    with db.transaction() as session:
        other = session.scalars(select(Subscriber).where(Subscriber.id != ada.id)).first()
        assert other is not None
        session.add(Consent(subscriber_id=other.id, wording="Yes", page="/", requested_at=clock.now()))
        mail = one_time_links.request_link(session, no_pauses(), other, LinkPurpose.DATA)
    erase(client, settings, ada)
    with db.reading() as session:
        assert session.scalars(select(Consent.subscriber_id)).all() == [other.id]
        assert session.get(OutgoingMail, mail) is not None


@pytest.mark.parametrize("stronger", [SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED])
def test_a_stronger_reason_stays_and_no_mail_goes_there(
    db: Database, settings: Settings, ada: Subscriber, stronger: SuppressionReason
) -> None:
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, KEY, stronger)
        reader = session.get_one(Subscriber, ada.id, with_for_update=True)
        reader.status = SubscriberStatus(stronger)
        session.flush()
        assert erasure.erase_subscriber(session, settings.suppression_key, reader, by=READER) is None
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, KEY) == stronger
    send_last_mail(db)
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail)).all() == []
    assert not list(settings.maildir.glob("new/*"))


@pytest.mark.parametrize("status", SubscriberStatus)
def test_a_last_mail_is_promised_to_whom_one_goes(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber, status: SubscriberStatus
) -> None:
    with db.transaction() as session:
        session.get_one(Subscriber, ada.id).status = status
    page = f"/data/{one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.DATA)}"
    promised = "one last email" in client.get(page).text
    assert ("One last email" in client.post(f"{page}/erase").text) == promised
    send_last_mail(db)
    assert bool(list(settings.maildir.glob("new/*"))) == promised


def test_a_digest_under_way_skips_erased_readers(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    erase(client, settings, ada)
    draining.drain(runtime())
    with db.reading() as session:
        outcomes = session.scalars(select(Batch.outcomes)).one()
    assert [OUTCOME_NAMES[outcome] for outcome in outcomes] == ["accepted"] * 3 + ["skipped"]


def test_an_id_is_never_given_twice(client: FlaskClient, db: Database, settings: Settings, ada: Subscriber) -> None:
    erase(client, settings, ada)
    with db.transaction() as session:
        sign_up(session, settings, "new@example.org")
        new = session.scalars(select(Subscriber).where(Subscriber.address == "new@example.org")).one()
        assert new.id > ada.id


def test_a_new_sign_up_may_come_back(client: FlaskClient, db: Database, settings: Settings, ada: Subscriber) -> None:
    erase(client, settings, ada)
    with db.transaction() as session:
        assert sign_up(session, settings, ADA) is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_of_the_data_folder_holds_the_address(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber, tmp_path: Path
) -> None:
    assert files_with(tmp_path, ADA)
    erase(client, settings, ada)
    assert files_with(tmp_path, ADA)  # the last mail has to hold it
    send_last_mail(db)
    (settings.data_dir / "positions").mkdir(parents=True, exist_ok=True)
    found = files_with(tmp_path, ADA, KEY, "ada@next.example", ada.token)
    assert found == [path.name for path in (settings.maildir / "new").iterdir()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_file_is_cleaned_though_another_mail_cannot_be_written(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber, tmp_path: Path
) -> None:
    with db.transaction() as session:
        session.add(OutgoingMail(kind="of another version", payload={}))
    erase(client, settings, ada)
    with pytest.raises(KeyError):
        send_last_mail(db)
    found = files_with(tmp_path, ADA, KEY, "ada@next.example", ada.token)
    assert found == [path.name for path in (settings.maildir / "new").iterdir()]
    assert not pending_file(db).exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kill_after_the_last_mail_leaves_the_cleaning_to_the_clock(
    client: FlaskClient,
    db: Database,
    settings: Settings,
    queues: Queues,
    ada: Subscriber,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_args: object, **_values: object) -> None:
        raise KeyboardInterrupt

    erase(client, settings, ada)
    with monkeypatch.context() as patch:
        patch.setattr(secure_delete, "purge", killed)
        with pytest.raises(KeyboardInterrupt):
            send_last_mail(db)
    found = [path.name for path in (settings.maildir / "new").iterdir()]
    assert files_with(tmp_path, ADA, KEY) != found
    assert pending_file(db).exists()
    vars(runtime())["queues"] = queues
    tick(runtime())
    assert files_with(tmp_path, ADA, KEY) == found
    assert not pending_file(db).exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("copy", [ADA, "ada@next.example"])
@pytest.mark.parametrize("status", [SubscriberStatus.ACTIVE, SubscriberStatus.BOUNCED])
def test_a_copy_of_any_address_goes_though_no_mail_may_go_there(
    client: FlaskClient,
    db: Database,
    settings: Settings,
    ada: Subscriber,
    tmp_path: Path,
    copy: str,
    status: SubscriberStatus,
) -> None:
    """The copy lies in a free page, as SQLite leaves them."""
    with closing(sqlite3.connect(str(db.engine.url.database), isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("CREATE TABLE rubbish (text)")
        connection.execute("INSERT INTO rubbish VALUES (?)", ["." * 9000 + copy])
        connection.execute("DROP TABLE rubbish")
    with db.transaction() as session:
        session.get_one(Subscriber, ada.id).status = status
    erase(client, settings, ada)
    secure_delete.purge(db)  # what holds it now is the file alone
    send_last_mail(db)
    found = files_with(tmp_path, copy)
    assert found == [path.name for path in settings.maildir.glob("new/*")][: copy == ADA]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_copies_of_rows_that_the_database_moved_go_too(db: Database, tmp_path: Path) -> None:
    """SQLite does not overwrite what stays behind when it moves rows from page to page; here it does so a lot."""
    chance = random.Random(1)
    addresses = [f"{chance.randbytes(chance.randint(3, 20)).hex()}@readers.example" for _ in range(2000)]
    for start in range(0, 2000, 500):
        with db.transaction() as session:
            import_rows(session, [ImportedReader(address) for address in addresses[start : start + 500]])
    with db.transaction() as session:
        for reader in session.scalars(select(Subscriber)):
            reader.sections = ["x" * chance.randint(1, 60)]
    with db.transaction() as session:
        session.execute(table_of(Subscriber).delete().where(table_of(Subscriber).c.id % 2 == 0))
    gone = addresses[1::2]
    secure_delete.purge(db)
    assert files_with(tmp_path, *gone)
    secure_delete.purge(db, *gone)
    assert files_with(tmp_path, *gone) == []
    with db.reading() as session:
        assert set(session.scalars(select(Subscriber.address))) == set(addresses[::2])


def _impatient(db: Database) -> Database:
    """The same file, for whoever does not wait for others."""
    impatient = Database(str(db.engine.url))
    event.listen(impatient.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=1"))
    return impatient


@pytest.fixture
def owed(db: Database, tmp_path: Path) -> Path:
    """An erasure whose cleaning failed, since a reader stood in the way (SQLite waits for it for 15 seconds)."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA), ImportedReader("bob@example.org")])
    impatient = _impatient(db)
    with db.reading() as reading:
        reading.scalars(select(Subscriber)).all()
        with db.transaction() as session:
            session.execute(table_of(Subscriber).delete().where(table_of(Subscriber).c.address == ADA))
        secure_delete.purge(impatient, ADA)
    impatient.dispose()
    path = pending_file(db)
    assert path.read_bytes() == b""
    assert files_with(tmp_path, ADA)
    return path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_could_not_be_cleaned_the_clock_cleans(
    db: Database, settings: Settings, queues: Queues, tmp_path: Path, owed: Path
) -> None:
    running = Runtime(settings, db)
    running.__dict__["queues"] = queues
    tick(running)
    assert not owed.exists()
    assert files_with(tmp_path, ADA) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_fails_is_said_and_stays_owed(db: Database, owed: Path, caplog: pytest.LogCaptureFixture) -> None:
    with db.transaction() as session:
        session.execute(select(Subscriber))
        impatient = _impatient(db)
        secure_delete.purge_pending(impatient)
        impatient.dispose()
    assert owed.exists()
    assert "can still not be cleaned after a deletion (database is locked)" in caplog.text
    secure_delete.purge_pending(db)
    assert not owed.exists()
