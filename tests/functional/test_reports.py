"""The report of a digest: figures that can be proved, each reader once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli.digests.report_text import describe_report
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from newsletter.core.ids import BatchId
from newsletter.delivery.events import applying
from newsletter.delivery.events.event_kinds import EventKind, ReaderEvent
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.reports import report
from newsletter.delivery.reports.causes import Cause, find_cause
from newsletter.delivery.reports.report import DigestReport, Doubt, ReasonGroup
from newsletter.mail.outcomes import IN_DOUBT, REFUSED, SKIPPED
from newsletter.serializers.digests import digest_report_json
from newsletter.subscribers.account.unsubscribing import unsubscribe
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, hand_over

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings) -> int:
    """A digest that was sent to 40 readers."""
    add_article(db, "A story")
    add_readers(db, 40)
    return hand_over(db, settings)


def report_of(db: Database, digest_id: int) -> DigestReport:
    with db.reading() as session:
        return report.digest_report(session, digest_id)


def unsubscribe_all(db: Database, *numbers: int) -> None:
    with db.transaction() as session:
        for number in numbers:
            query = select(Subscriber.token).where(Subscriber.address == f"r{number}@readers.example")
            unsubscribe(session, session.scalars(query).one())


def test_reports_are_counted_once_a_reader(db: Database, settings: Settings, digest_id: int) -> None:
    at = int(clock.now().timestamp()) + 1
    with db.transaction() as session:
        batch = BatchId(session.scalars(select(Batch.id)).one())
        events = [
            *(
                ReaderEvent(EventKind.BOUNCED, at, batch, n, reason=f"550 5.1.1 id{n}x.mx user unknown")
                for n in range(3)
            ),
            *(ReaderEvent(EventKind.SOFT_BOUNCED, at, batch, n, reason="452 4.2.2 mailbox full") for n in range(3, 5)),
            ReaderEvent(EventKind.BLOCKED, at, batch, 5, reason="550 5.7.1 no"),
            ReaderEvent(EventKind.DROPPED, at, batch, 6, listed=EventKind.BOUNCED, reason="Bounced Address"),
            ReaderEvent(EventKind.COMPLAINED, at, batch, 7),
            ReaderEvent(EventKind.UNSUBSCRIBED, at, batch, 8),
        ]
        applying.apply_events(session, settings.suppression_key, events * 2)
    found = report_of(db, digest_id)
    assert (found.recipients, found.accepted) == (40, 40)
    assert (found.bounced, found.soft_bounced, found.blocked, found.dropped, found.complained) == (3, 2, 1, 1, 1)
    assert found.unsubscribed == 1
    assert found.reasons == (
        ReasonGroup("bounced", "550 5.1.1 … user unknown", 3),
        ReasonGroup("soft_bounced", "452 4.2.2 mailbox full", 2),
        ReasonGroup("blocked", "550 5.7.1 no", 1, Cause.OTHER),
        ReasonGroup("dropped", "Bounced Address", 1),
    )
    assert json.loads(json.dumps(digest_report_json(found)))["reasons"][0]["count"] == 3


def test_another_digests_events_are_not_its_own(db: Database, settings: Settings, digest_id: int) -> None:
    hand_over(db, settings)
    with db.transaction() as session:
        batch = BatchId(session.scalars(select(Batch.id).where(Batch.digest_id != digest_id)).one())
        applying.apply_events(session, settings.suppression_key, [ReaderEvent(EventKind.BOUNCED, 1, batch, 0)])
    assert report_of(db, digest_id).bounced == 0


def test_refusals_are_grouped_by_what_they_mean(db: Database, digest_id: int) -> None:
    said = [
        "550 5.1.1 <…@…>: user unknown, queue id 4Fgh21",
        "550-5.1.1 The account does not exist. q8-2002 - gsmtp",
        "550-5.1.1 The account does not exist. x9-3003 - gsmtp",
        "554 spam",
        "Does not contain a valid address.",
        "does not contain a valid address.",
    ]
    with db.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        batch.outcomes = bytes([REFUSED]) * len(said) + batch.outcomes[len(said) :]
        for reader, reason in zip(session.scalars(select(Subscriber.id).order_by(Subscriber.id)), said, strict=False):
            session.add(Refusal(digest_id=digest_id, subscriber_id=reader, reason=reason, temporary=False))
    found = report_of(db, digest_id)
    assert (found.refused, found.accepted) == (6, 34)
    assert [(group.reason, group.count) for group in found.reasons] == [
        ("550 5.1.1 The account does not exist. … - gsmtp", 3),
        ("Does not contain a valid address.", 2),
        ("554 spam", 1),
    ]


def test_unsubscribed_counts_readers_who_got_it_and_unsubscribed_soon(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        batch.outcomes = bytes([SKIPPED]) + batch.outcomes[1:]
    add_readers(db, 1, start=99)
    with clock.set_to(clock.now() + timedelta(hours=1)):
        unsubscribe_all(db, 1, 2, 3, 99)  # the first was skipped, the last is new
    with clock.set_to(clock.now() + timedelta(hours=73)):
        unsubscribe_all(db, 4)
    assert report_of(db, digest_id).unsubscribed == 2


def test_doubts_are_listed(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        batch.outcomes = bytes([IN_DOUBT]) * 2 + batch.outcomes[2:]
        batch.state, batch.note = BatchState.IN_DOUBT, "No answer."
        batch.attempted_at = datetime(2026, 5, 2, 9, 30, tzinfo=UTC)
        number = batch.id
    found = report_of(db, digest_id)
    assert found.doubts == (Doubt(number, 2, datetime(2026, 5, 2, 9, 30, tzinfo=UTC), "No answer."),)
    assert found.in_doubt == 2
    assert f"Batch {number} (2 readers, sent 2026-05-02 09:30:00 UTC) is in doubt: No answer." in describe_report(found)
    assert json.dumps(digest_report_json(found))


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("550 5.7.26 This mail is unauthenticated", Cause.AUTHENTICATION),
        ("550 5.7.1 DMARC policy of the sender", Cause.AUTHENTICATION),
        ("550 5.4.5 Daily user sending limit exceeded", Cause.QUOTA),
        ("550 too many messages from your server this hour", Cause.QUOTA),
        ("550 5.7.1 Relaying denied", Cause.RELAY),
        ("554 5.7.1 Service unavailable; client blocked using zen.spamhaus.org", Cause.BLOCK_LIST),
        ("554 5.7.1 Message looks like spam", Cause.CONTENT),
        ("552 5.3.4 Message size exceeds fixed limit", Cause.CONTENT),
        ("550 5.7.1 no", Cause.OTHER),
    ],
)
def test_blocked_mails_say_what_to_mend(
    db: Database, settings: Settings, digest_id: int, reason: str, cause: Cause
) -> None:
    assert find_cause(reason) is cause
    with db.transaction() as session:
        batch = BatchId(session.scalars(select(Batch.id)).one())
        event = ReaderEvent(EventKind.BLOCKED, int(clock.now().timestamp()) + 1, batch, 0, reason=reason)
        applying.apply_events(session, settings.suppression_key, [event])
    said = describe_report(report_of(db, digest_id))
    assert "Blocked is about us, not about these readers" in said
    assert f"  {cause.capitalize()}: " in said
    assert digest_report_json(report_of(db, digest_id))["reasons"][0]["cause"] == cause
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status).distinct()).all() == ["active"]


def test_an_unknown_digest(db: Database) -> None:
    with pytest.raises(NotFoundError), db.reading() as session:
        report.digest_report(session, 4711)
