"""Some time after the end, keyed hashes and the evidence of consent are all that is left of a reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import event, select

from newsletter.cli import cli
from newsletter.core import clock, file_search, secure_delete
from newsletter.core.actors import CLOCK, OPERATOR, PROVIDER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.core.queue import Queues
from newsletter.core.runtime import Runtime, runtime
from newsletter.delivery.events.models import Event
from newsletter.delivery.sending import draining
from newsletter.mail.models import OutgoingMail
from newsletter.migrations.tables import metadata
from newsletter.operations import retention as operations_retention
from newsletter.privacy import data_export
from newsletter.subscribers import past_subscriptions, reported_ends
from newsletter.subscribers.account import one_time_links, unsubscribing
from newsletter.subscribers.files.paced_import import ImportOptions, import_file
from newsletter.subscribers.models import (
    AddressChange,
    LinkPurpose,
    PastSubscription,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
)
from newsletter.subscribers.preferences import KnownNames
from newsletter.subscribers.reported_ends import End
from newsletter.subscribers.signup import confirmation, confirmation_links
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, no_pauses, send_digest, sign_up

ADA, KEY = "Ada.Lovelace@example.org", AddressKey("ada.lovelace@example.org")
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=91)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """The data folder holds what the service keeps; mailboxes, which a Maildir stands for, are elsewhere."""
    return replace(settings, data_dir=tmp_path / "var", maildir=tmp_path / "mailboxes")


@pytest.fixture
def ada(db: Database, settings: Settings) -> Subscriber:
    """A reader who signed up, confirmed and got a digest, and others beside."""
    with clock.set_to(NOW - timedelta(days=30)):
        add_article(db, "One")
        add_readers(db, 2)
        confirm(db, settings)
        send_digest(db, settings)
        draining.drain(runtime())
    return find(db)


def confirm(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        assert sign_up(session, settings, ADA) is not None
        session.flush()
        reader = session.scalars(select(Subscriber).where(Subscriber.address_key == KEY)).one()
        confirmation.confirm_subscription(
            session, settings, confirmation_links.confirmation_token(settings.signing_keys, reader)
        )
        for mail in session.scalars(select(OutgoingMail)):
            session.delete(mail)


def find(db: Database) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address_key == KEY)).one()


def end(db: Database, settings: Settings, status: SubscriberStatus) -> None:
    """End Ada's subscription in this way, at NOW."""
    with clock.set_to(NOW), db.transaction() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.address_key == KEY)).one()
        if status is SubscriberStatus.UNSUBSCRIBED:
            unsubscribing.unsubscribe(session, reader.token)
            unsubscribing.give_reason(session, reader.token, "often")
            return
        ends = [End(reader, SuppressionReason(str(status)), NOW - timedelta(hours=1))]
        reported_ends.end(session, settings.suppression_key, ends, by=PROVIDER)
        session.add(Event(subscriber_id=reader.id, kind=str(status), dedupe_key="1", reason="550", occurred_at=NOW))


def reduce(db: Database, settings: Settings, at: datetime = LATER) -> int:
    with clock.set_to(at), db.transaction() as session:
        kept_for = settings.ended_subscriptions_kept_for
        return past_subscriptions.reduce_ended(session, settings.suppression_key, kept_for, by=CLOCK)


def past(db: Database) -> list[PastSubscription]:
    with db.reading() as session:
        return list(session.scalars(select(PastSubscription).order_by(PastSubscription.id)))


def statuses(db: Database) -> list[str]:
    with db.reading() as session:
        return [str(status) for status in session.scalars(select(Subscriber.status).order_by(Subscriber.id))]


ENDED = [SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED]


@pytest.mark.parametrize("status", ENDED)
def test_the_hash_and_the_evidence_stay_and_all_else_goes(
    db: Database, settings: Settings, ada: Subscriber, status: SubscriberStatus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    end(db, settings, status)
    assert reduce(db, settings, NOW + timedelta(days=89)) == 0
    assert statuses(db) == ["active", "active", str(status)]
    assert reduce(db, settings) == 1
    assert reduce(db, settings) == 0
    assert statuses(db) == ["active", "active"]
    with db.reading() as session:
        rows = {table.name: str(session.execute(table.select()).all()) for table in metadata.sorted_tables}
        found = suppressions.find_suppression(session, settings.suppression_key, KEY)
        assert found is not None
        assert str(found.reason) == str(status)
    everything = str(rows).lower()
    assert KEY not in everything
    assert ada.token.lower() not in everything
    assert rows["events"] == "[]"
    assert rows["consents"] == "[]"
    (left,) = past(db)
    assert (left.ended_as, left.ended_at, left.confirmed_at) == (status, NOW, ada.confirmed_at)
    assert left.consents is not None
    (agreed,) = left.consents
    assert agreed["wording"].startswith("By signing up you agree")
    assert datetime.fromisoformat(agreed["confirmed_at"]) == ada.confirmed_at
    assert KEY not in caplog.text.lower()
    assert f"subscriber {ada.id}: reduce, by clock" in caplog.text


def test_a_stronger_reason_that_came_later_stays(db: Database, settings: Settings, ada: Subscriber) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, KEY, SuppressionReason.COMPLAINED)
    assert reduce(db, settings) == 1
    with db.reading() as session:
        reason = suppressions.reason_for(session, settings.suppression_key, KEY)
    assert reason == SuppressionReason.COMPLAINED


def request_link(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.address_key == KEY).with_for_update()).one()
        assert one_time_links.request_link(session, no_pauses(), reader, LinkPurpose.DATA)


def sign_up_again(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        assert sign_up(session, settings, ADA)


def change_address(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        number = session.scalars(select(Subscriber.id).where(Subscriber.address_key == KEY)).one()
        session.add(AddressChange(subscriber_id=number, address="n@x.example", address_key=AddressKey("n@x.example")))


@pytest.mark.parametrize("begin", [request_link, sign_up_again, change_address])
def test_a_reader_with_a_link_under_way_waits(
    db: Database, settings: Settings, ada: Subscriber, begin: Callable[[Database, Settings], None]
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    with clock.set_to(LATER - timedelta(days=1)):
        begin(db, settings)
    assert reduce(db, settings) == 0
    assert statuses(db)[-1] == "unsubscribed"


def test_a_reader_who_came_back_is_none(db: Database, settings: Settings, ada: Subscriber) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    with clock.set_to(NOW + timedelta(days=1)):
        confirm(db, settings)
    assert find(db).ended_at is None
    assert reduce(db, settings) == 0


@pytest.mark.parametrize("page", ["unsubscribe", "unsubscribe/undo", "unsubscribe/reason"])
def test_links_in_old_letters_say_that_it_is_over(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber, page: str
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    first, _, rest = page.partition("/")
    link = f"/{first}/{ada.token}" + (f"/{rest}" if rest else "")
    answer = client.get(link)
    assert answer.status_code == 200
    assert "ended some time ago" in answer.text
    assert 'href="/subscribe"' in answer.text
    assert "vor einiger Zeit" in client.get(f"{link}?language=de").text


def test_one_click_and_the_other_links_answer_decently(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    answer = client.post(f"/unsubscribe/{ada.token}", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, "ended some time ago" in answer.text) == (200, True)
    for path in (f"/preferences/{ada.token}", f"/data-link/{ada.token}", f"/address-link/{ada.token}"):
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code == 410
            assert "ended some time ago" in answer.text
            assert 'href="/subscribe"' in answer.text
    assert client.get(f"/preferences/{ada.token[::-1]}").status_code == 404


@pytest.mark.parametrize("status", ENDED)
def test_an_import_brings_nobody_back(
    db: Database, settings: Settings, ada: Subscriber, tmp_path: Path, status: SubscriberStatus
) -> None:
    end(db, settings, status)
    reduce(db, settings)
    file = tmp_path / "readers.csv"
    file.write_text(f"email\n{ADA}\n")
    options = ImportOptions("weekly", KnownNames(None, ()))
    result = import_file(db, settings.suppression_key, file, tmp_path / "result.csv", options, by=OPERATOR)
    assert (result.state.imported, result.state.suppressed) == (0, 1)
    assert statuses(db) == ["active", "active"]


@pytest.mark.parametrize("status", ENDED)
def test_a_sign_up_later_goes_as_before(
    db: Database, settings: Settings, ada: Subscriber, status: SubscriberStatus
) -> None:
    end(db, settings, status)
    reduce(db, settings)
    with clock.set_to(LATER):
        if status is SubscriberStatus.COMPLAINED:
            with db.transaction() as session:
                assert sign_up(session, settings, ADA) is None
            assert statuses(db) == ["active", "active"]
            return
        confirm(db, settings)
    assert statuses(db) == ["active", "active", "active"]
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, KEY)
        exported = data_export.export_subscriber(session, settings.suppression_key, find(db))
    (earlier,) = exported["past_subscriptions"]
    assert earlier["ended_as"] == str(status)
    assert earlier["consents"]


def test_the_data_page_shows_an_earlier_subscription(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    with clock.set_to(LATER):
        confirm(db, settings)
        token = one_time_links.link_token(settings.signing_keys, find(db), LinkPurpose.DATA)
        page = client.get(f"/data/{token}").text
    assert "Earlier subscription" in page
    assert "ended on 4 May 2026" in page
    assert page.count("By signing up you agree") == 2


def test_the_reasons_of_past_readers_are_counted(db: Database, settings: Settings, ada: Subscriber) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    with db.reading() as session:
        assert unsubscribing.reason_counts(session, NOW - timedelta(days=1)) == {"often": 1}
        assert unsubscribing.reason_counts(session, NOW + timedelta(days=1)) == {}


def test_the_evidence_goes_at_last_and_the_hashes_stay(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    for days, is_kept in ((1459, True), (1461, False)):
        with clock.set_to(NOW + timedelta(days=days)), db.transaction() as session:
            assert not past_subscriptions.delete_old_evidence(session, settings.consent_kept_for)
        (left,) = past(db)
        assert (left.consents is not None, left.confirmed_at is not None) == (is_kept, is_kept)
    assert client.get(f"/unsubscribe/{ada.token}").status_code == 200
    with db.reading() as session:
        assert suppressions.is_suppressed(session, settings.suppression_key, KEY)


def test_show_and_erase_speak_of_what_is_left(app: Flask, db: Database, settings: Settings, ada: Subscriber) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    reduce(db, settings)
    runner = app.test_cli_runner()
    words = runner.invoke(cli, ["subscribers", "show", ADA.lower()]).stdout
    assert words.startswith("No reader has this address any more. What is left:\n  unsubscribed 2026-05-04T12:00:00")
    assert "agreed on /, 2026-04-04T12:00:00+00:00: By signing up you agree" in words
    assert "must not be mailed: unsubscribed" in words
    exported = json.loads(runner.invoke(cli, ["subscribers", "show", ADA, "--json"]).stdout)
    assert (exported["reader"], len(exported["past_subscriptions"])) == (None, 1)
    asked = runner.invoke(cli, ["subscribers", "erase", ADA], input="n\n")
    assert "Erase what is left of the ended subscription of A•••@example.org?" in asked.output
    assert len(past(db)) == 1
    assert "Erased." in runner.invoke(cli, ["subscribers", "erase", ADA, "--yes"]).stdout
    assert past(db) == []
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, KEY) == SuppressionReason.ERASED
    assert "No reader has this address" in runner.invoke(cli, ["subscribers", "show", ADA]).stderr


def test_unsuppressing_works_without_a_row(app: Flask, db: Database, settings: Settings, ada: Subscriber) -> None:
    end(db, settings, SubscriberStatus.COMPLAINED)
    reduce(db, settings)
    done = app.test_cli_runner().invoke(cli, ["subscribers", "unsuppress", ADA, "--reason", "Ada asked for it"])
    assert done.exit_code == 0
    with clock.set_to(LATER), db.transaction() as session:
        assert sign_up(session, settings, ADA) is not None


# --- the clock ---


@pytest.fixture
def clocked(db: Database, settings: Settings, queues: Queues) -> Runtime:
    found = Runtime(settings, db)
    found.__dict__["queues"] = queues
    return found


def files_with(folder: Path, *texts: str) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size and file_search.contains_any(path, texts)
    ]


def test_the_clock_does_it_once_a_day_some_at_a_time(
    db: Database, settings: Settings, clocked: Runtime, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_subscriptions, "BATCH_SIZE", 2)
    add_readers(db, 5)
    with clock.set_to(NOW), db.transaction() as session:
        for token in session.scalars(select(Subscriber.token)).all():
            unsubscribing.unsubscribe(session, token)
    bites: list[int] = []
    reduce_ended = past_subscriptions.reduce_ended

    def count(*arguments: object, **more: object) -> int:
        bites.append(reduce_ended(*arguments, **more))  # type: ignore[arg-type]
        return bites[-1]

    monkeypatch.setattr(past_subscriptions, "reduce_ended", count)
    with clock.set_to(LATER):
        for _ in range(2):
            operations_retention.run_hourly(clocked)
            queues.redis.delete(operations_retention.LAST_RUN_KEY)
    assert bites == [2, 2, 1, 0]
    assert (len(past(db)), statuses(db)) == (5, [])
    assert Redis.ttl(queues.redis, operations_retention.LAST_REDUCTION_KEY) > 80_000


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_of_the_data_folder_holds_the_address(
    db: Database, settings: Settings, ada: Subscriber, clocked: Runtime, tmp_path: Path
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    folder = Path(str(db.engine.url.database)).parent
    assert files_with(folder, ADA, KEY, ada.token)
    with clock.set_to(LATER):
        operations_retention.run_hourly(clocked)
    found = files_with(folder, ADA, KEY, ada.token)
    assert found == [path.name for path in (settings.maildir / "new").iterdir() if files_with_one(path)]


def files_with_one(path: Path) -> bool:
    return file_search.contains_any(path, [ADA, KEY])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kill_after_the_commit_leaves_the_cleaning_pending(
    db: Database, settings: Settings, ada: Subscriber, clocked: Runtime, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)
    pending = Path(f"{db.engine.url.database}-purge-pending")

    def killed(_db: Database) -> None:
        raise KeyboardInterrupt

    with clock.set_to(LATER), monkeypatch.context() as patch:
        patch.setattr(secure_delete, "purge_pending", killed)
        with pytest.raises(KeyboardInterrupt):
            operations_retention.run_hourly(clocked)
    assert len(past(db)) == 1
    assert pending.exists()
    secure_delete.purge(db, "another reader's address")
    assert pending.exists(), "an erasure in between leaves it pending"
    queues.redis.delete(operations_retention.LAST_RUN_KEY)
    operations_retention.run_hourly(clocked)
    assert not pending.exists()


def test_a_commit_that_fails_leaves_everything(
    db: Database, settings: Settings, ada: Subscriber, clocked: Runtime
) -> None:
    end(db, settings, SubscriberStatus.UNSUBSCRIBED)

    def fail(_connection: object) -> None:
        raise RuntimeError("the database is lost")

    event.listen(db.engine, "commit", fail)
    with pytest.raises(RuntimeError):
        reduce(db, settings)
    event.remove(db.engine, "commit", fail)
    assert past(db) == []
    assert find(db).address == ADA
