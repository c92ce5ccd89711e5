"""Events from end to end: the post, the row, the job, and what they mean for a reader, in any order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConfigurationError
from newsletter.core.ids import AddressKey
from newsletter.core.jobs import PROCESS_EVENTS
from newsletter.core.queue import EVENTS, Queues
from newsletter.core.runtime import Runtime, runtime
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event, WebhookDelivery
from newsletter.delivery.ledger.models import Batch
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from newsletter.web.hooks.sendgrid import MOST_BYTES
from tests.factories import add_article, add_readers, hand_over, letter_of, sign_up
from tests.services.sendgrid_events import AGENT, IP, NO_SUCH_MAILBOX, SendGridSigner, body, event, hard_bounce

SIGNER = SendGridSigner()
R1 = "r1@readers.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, sendgrid_webhook_key=SIGNER.public_key)


@pytest.fixture
def worker(app: Flask) -> Runtime:
    return runtime()


@pytest.fixture
def ours(db: Database, settings: Settings) -> dict[str, str]:
    """The custom arguments of the mail to r1, one of three readers who got a digest."""
    add_article(db, "A story")
    add_readers(db, 3)
    hand_over(db, settings)
    with db.reading() as session:
        batch = session.scalars(select(Batch.id)).one()
    return {"batch": str(batch), "attempt": "1", "letter": letter_of(db), "n": "0"}


def post(client: FlaskClient, raw: bytes, **headers: str) -> int:
    return client.post("/hooks/sendgrid", data=raw, headers=SIGNER.headers(raw, now()) | headers).status_code


def report(client: FlaskClient, worker: Runtime, events: Sequence[dict[str, Any]]) -> None:
    """Post events and process them."""
    assert post(client, body(*events)) == 204
    assert webhook_deliveries.process_deliveries(worker) is False


def reader(db: Database, address: str = R1) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address == address)).one()


def suppressed(db: Database, settings: Settings, address: str = R1) -> SuppressionReason | None:
    with db.reading() as session:
        return suppressions.reason_for(session, settings.suppression_key, AddressKey(address))


def kinds(db: Database) -> list[tuple[str, str]]:
    with db.reading() as session:
        rows = session.execute(select(Subscriber.address, Event.kind).join(Subscriber).order_by(Event.id)).all()
    return [(address, kind) for address, kind in rows]


def now() -> float:
    return clock.now().timestamp()


class TestTheEndpoint:
    def test_a_post_is_one_row_and_one_job(
        self, client: FlaskClient, db: Database, worker: Runtime, queues: Queues, ours: dict[str, str]
    ) -> None:
        worker.__dict__["queues"] = queues
        for number in range(3):
            assert post(client, body(event("processed", R1, number + 1, **ours))) == 204
        with db.reading() as session:
            assert session.query(WebhookDelivery).count() == 3
        assert [job.func_name for job in queues.queues[EVENTS].jobs] == [PROCESS_EVENTS]
        assert queues.queues[EVENTS].jobs[0].args == []

    def test_a_lost_queue_loses_nothing(self, client: FlaskClient, db: Database, ours: dict[str, str]) -> None:
        assert post(client, body(hard_bounce(R1, now(), **ours))) == 204
        with db.reading() as session:
            assert webhook_deliveries.deliveries_wait(session)

    def test_a_replay_changes_nothing(
        self, client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str]
    ) -> None:
        raw = body(event("processed", R1, 1, **ours))
        headers = SIGNER.headers(raw, now())
        for _ in range(2):
            assert client.post("/hooks/sendgrid", data=raw, headers=headers).status_code == 204
            assert webhook_deliveries.process_deliveries(worker) is False
            assert client.post("/hooks/sendgrid", data=raw, headers=headers).status_code == 204
            with db.reading() as session:
                assert session.query(WebhookDelivery).count() == 1
                assert not webhook_deliveries.deliveries_wait(session)

    def test_hashes_are_kept_as_long_as_a_replay_would_pass(
        self, client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str]
    ) -> None:
        report(client, worker, [event("processed", R1, 1, **ours)])
        with clock.set_to(clock.now() + timedelta(hours=26)):
            report(client, worker, [event("processed", R1, 2, **ours)])
        with db.reading() as session:
            assert session.query(WebhookDelivery).count() == 1

    def test_everything_else_is_refused(self, client: FlaskClient, db: Database) -> None:
        raw = body(event("bounce", R1, 1))
        other = SendGridSigner().headers(raw, now())
        old = SIGNER.headers(raw, now() - 26 * 3600)
        assert client.post("/hooks/sendgrid", data=raw, headers=other).status_code == 403
        assert client.post("/hooks/sendgrid", data=raw, headers=old).status_code == 403
        assert client.post("/hooks/sendgrid", data=raw).status_code == 403
        assert post(client, raw + b" ", **SIGNER.headers(raw, now())) == 403
        assert post(client, b'{"event":"bounce"}') == 400
        assert post(client, b" " * (MOST_BYTES + 1)) == 413
        assert client.get("/hooks/sendgrid").status_code == 405
        with db.reading() as session:
            assert session.query(WebhookDelivery).count() == 0

    def test_a_post_of_a_megabyte_is_stored(self, client: FlaskClient, worker: Runtime, db: Database) -> None:
        report(client, worker, [event("bounce", f"r{n}@nobody.example", 1) for n in range(2500)])
        assert kinds(db) == []

    def test_without_a_key_there_is_no_such_address(self, settings: Settings) -> None:
        raw = body(event("bounce", R1, 1))
        client = create_app(replace(settings, sendgrid_webhook_key="")).test_client()
        assert post(client, raw) == 404

    def test_a_wrong_key_stops_the_start(self, settings: Settings) -> None:
        with pytest.raises(ConfigurationError, match="SENDGRID_WEBHOOK_KEY"):
            create_app(replace(settings, sendgrid_webhook_key="no key"))

    def test_a_delivery_that_fails_is_tried_again_later_and_does_not_hold_up_others(
        self, client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str]
    ) -> None:
        post(client, body(hard_bounce(R1, now(), **ours)))
        with db.transaction() as session:
            session.execute(text("UPDATE webhook_deliveries SET payload = '{\"nothing\": 1}'"))
        post(client, body(event("spamreport", "r2@readers.example", 1, **ours | {"n": "1"})))
        with clock.set_to(clock.now()):  # a slow machine must not come to the time of the next try
            with pytest.raises(KeyError):
                webhook_deliveries.process_deliveries(worker)
            assert webhook_deliveries.process_deliveries(worker) is False
        assert kinds(db) == [("r2@readers.example", "complained")]
        with clock.set_to(clock.now() - timedelta(seconds=30)), db.reading() as session:
            assert not webhook_deliveries.deliveries_wait(session)
        with clock.set_to(clock.now() + timedelta(minutes=1)), db.reading() as session:
            assert webhook_deliveries.deliveries_wait(session)


class TestStoredData:
    def test_no_address_no_ip_no_agent(
        self, client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str], tmp_path: Path
    ) -> None:
        """Before and after processing, in the rows and, on SQLite, in the bytes of the file."""
        said = f"550 5.1.1 <Stranger.S@elsewhere.example> {R1} unknown"
        events = [
            event(word, R1, now(), reason=said, **ours)
            for word in ("bounce", "dropped", "spamreport", "unsubscribe", "delivered", "open", "click")
        ]
        raw = body(*events, event("bounce", "nobody@elsewhere.example", 1, reason=said))
        assert post(client, raw) == 204
        for _ in range(2):
            with db.reading() as session:
                rows = f"{session.execute(text('SELECT * FROM webhook_deliveries')).all()}"
                rows += f"{session.execute(text('SELECT * FROM events')).all()}"
            for hidden in (IP, AGENT, "readers.example", "elsewhere.example", "14c5d75ce93"):
                assert hidden not in rows
            if db.is_sqlite:
                db.dispose()
                self._look_into_the_files(tmp_path)
            webhook_deliveries.process_deliveries(worker)

    @staticmethod
    def _look_into_the_files(folder: Path) -> None:
        files = list(folder.glob("newsletter.sqlite3*"))
        raw = b"".join(path.read_bytes() for path in files)
        assert b"webhook_deliveries" in raw
        for hidden in (IP, AGENT, "elsewhere.example"):
            assert hidden.encode() not in raw
        with closing(sqlite3.connect(folder / "newsletter.sqlite3")) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)

    def test_a_delivery_is_no_row(
        self, client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str]
    ) -> None:
        report(client, worker, [event(word, R1, now(), **ours) for word in ("processed", "delivered", "deferred")])
        assert kinds(db) == []
        with db.reading() as session:
            (payload,) = session.scalars(select(WebhookDelivery.payload))
        assert payload is None


EFFECTS = [
    (NO_SUCH_MAILBOX, EventKind.BOUNCED, SubscriberStatus.BOUNCED, SuppressionReason.BOUNCED),
    ({"event": "bounce", "type": "bounce"}, EventKind.SOFT_BOUNCED, SubscriberStatus.ACTIVE, None),
    ({"event": "bounce", "type": "blocked"}, EventKind.SOFT_BOUNCED, SubscriberStatus.ACTIVE, None),
    ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, EventKind.BLOCKED, SubscriberStatus.ACTIVE, None),
    ({"event": "spamreport"}, EventKind.COMPLAINED, SubscriberStatus.COMPLAINED, SuppressionReason.COMPLAINED),
    ({"event": "unsubscribe"}, EventKind.UNSUBSCRIBED, SubscriberStatus.UNSUBSCRIBED, SuppressionReason.UNSUBSCRIBED),
    (
        {"event": "group_unsubscribe"},
        EventKind.UNSUBSCRIBED,
        SubscriberStatus.UNSUBSCRIBED,
        SuppressionReason.UNSUBSCRIBED,
    ),
    (
        {"event": "dropped", "reason": "Bounced Address"},
        EventKind.DROPPED,
        SubscriberStatus.BOUNCED,
        SuppressionReason.BOUNCED,
    ),
    (
        {"event": "dropped", "reason": "Spam Reporting Address"},
        EventKind.DROPPED,
        SubscriberStatus.COMPLAINED,
        SuppressionReason.COMPLAINED,
    ),
    (
        {"event": "dropped", "reason": "Unsubscribed Address"},
        EventKind.DROPPED,
        SubscriberStatus.UNSUBSCRIBED,
        SuppressionReason.UNSUBSCRIBED,
    ),
    ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, EventKind.DROPPED, SubscriberStatus.ACTIVE, None),
]


@pytest.mark.parametrize(("fields", "kind", "status", "reason"), EFFECTS)
@pytest.mark.parametrize("known_by", ["batch and address", "batch alone", "address alone"])
def test_what_an_event_does(
    client: FlaskClient,
    db: Database,
    worker: Runtime,
    settings: Settings,
    ours: dict[str, str],
    fields: dict[str, str],
    kind: EventKind,
    status: SubscriberStatus,
    reason: SuppressionReason | None,
    known_by: str,
) -> None:
    """The result is the same when it comes again, and no other reader changes."""
    one = event("", R1.upper(), now(), **ours) | fields
    if known_by == "batch alone":
        del one["email"]
    if known_by == "address alone":
        for name in ours:
            del one[name]
    for number in range(3):
        # SendGrid gives a repeated event another id.
        report(client, worker, [one | {"sg_event_id": str(number)}, one])
        assert kinds(db) == [(R1, kind)]
        assert (reader(db).status, suppressed(db, settings)) == (status, reason)
        assert (reader(db).unsubscribed_at is not None) is (status == SubscriberStatus.UNSUBSCRIBED)
    for other in ("r2@readers.example", "r3@readers.example"):
        assert (reader(db, other).status, suppressed(db, settings, other)) == (SubscriberStatus.ACTIVE, None)


ENDS = [{"event": "unsubscribe"}, NO_SUCH_MAILBOX, {"event": "spamreport"}]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [*permutations(ENDS)])
def test_the_order_does_not_matter(
    client: FlaskClient,
    db: Database,
    worker: Runtime,
    settings: Settings,
    ours: dict[str, str],
    order: Sequence[dict[str, str]],
    together: bool,
) -> None:
    """A late bounce weakens no complaint; in any order each event is stored once."""
    events = [event("", R1, now(), **ours) | fields for fields in (*order, *order)]
    for some in [events] if together else [[one] for one in events]:
        report(client, worker, some)
    assert (reader(db).status, suppressed(db, settings)) == (SubscriberStatus.COMPLAINED, SuppressionReason.COMPLAINED)
    assert sorted(kind for _, kind in kinds(db)) == ["bounced", "complained", "unsubscribed"]


@pytest.mark.parametrize("order", [*permutations(ENDS[:2])])
def test_a_bounce_outweighs_an_unsubscription(
    client: FlaskClient,
    db: Database,
    worker: Runtime,
    settings: Settings,
    ours: dict[str, str],
    order: Sequence[dict[str, str]],
) -> None:
    for fields in order:
        report(client, worker, [event("", R1, now(), **ours) | fields])
    assert (reader(db).status, suppressed(db, settings)) == (SubscriberStatus.BOUNCED, SuppressionReason.BOUNCED)


@pytest.mark.parametrize(
    "changed",
    [
        {"n": "1"},
        {"n": "99"},
        {"batch": "4711"},
        {"email": "nobody@elsewhere.example"},
        {"email": "no address"},
        {"email": "r2@readers.example"},
        {"n": "1", "email": ""} | {"batch": "4711"},
    ],
)
def test_an_event_whose_parts_contradict_each_other_changes_nothing(
    client: FlaskClient,
    db: Database,
    worker: Runtime,
    settings: Settings,
    ours: dict[str, str],
    changed: dict[str, str],
) -> None:
    report(client, worker, [event("spamreport", R1, now(), **ours) | changed])
    assert kinds(db) == []
    for address in (R1, "r2@readers.example", "r3@readers.example"):
        assert (reader(db, address).status, suppressed(db, settings, address)) == (SubscriberStatus.ACTIVE, None)


def test_a_bounce_at_the_old_address_does_not_end_the_new_one(
    client: FlaskClient, db: Database, worker: Runtime, ours: dict[str, str]
) -> None:
    with db.transaction() as session:
        moved = session.scalars(select(Subscriber).where(Subscriber.address == R1)).one()
        moved.address = moved.address_key = AddressKey("new@readers.example")
    report(client, worker, [hard_bounce(R1, now(), **ours)])
    assert reader(db, "new@readers.example").status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("bounce", SubscriberStatus.ACTIVE),
        ("unsubscribe", SubscriberStatus.ACTIVE),
        ("spamreport", SubscriberStatus.COMPLAINED),
    ],
)
def test_only_a_complaint_counts_from_before_the_last_confirmation(
    client: FlaskClient,
    db: Database,
    worker: Runtime,
    settings: Settings,
    ours: dict[str, str],
    word: str,
    status: SubscriberStatus,
) -> None:
    report(client, worker, [event(word, R1, now() - 86400, **ours)])
    assert reader(db).status == status
    assert suppressed(db, settings) == (SuppressionReason.COMPLAINED if status == SubscriberStatus.COMPLAINED else None)


def test_a_bounced_confirmation_ends_a_pending_sign_up(
    client: FlaskClient, db: Database, worker: Runtime, settings: Settings
) -> None:
    with db.transaction() as session:
        sign_up(session, settings, "typo@readers.example")
    report(client, worker, [hard_bounce("typo@readers.example", now(), mail="1")])
    assert reader(db, "typo@readers.example").status == SubscriberStatus.BOUNCED
    assert suppressed(db, settings, "typo@readers.example") is SuppressionReason.BOUNCED


def test_an_event_about_an_erased_reader_changes_nothing(
    client: FlaskClient, db: Database, worker: Runtime, settings: Settings, ours: dict[str, str]
) -> None:
    post(client, body(event("spamreport", R1, now(), **ours)))
    with db.transaction() as session:
        session.delete(session.scalars(select(Subscriber).where(Subscriber.address == R1)).one())
    assert webhook_deliveries.process_deliveries(worker) is False
    assert (kinds(db), suppressed(db, settings)) == ([], None)
