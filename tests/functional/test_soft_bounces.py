"""The policy for soft bounces: so many digests in a row, in any order of reports, and none delivered in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import BatchId
from newsletter.delivery.events import applying
from newsletter.delivery.events.event_kinds import EventKind, ReaderEvent
from newsletter.delivery.events.soft_bounces import SOFT_BOUNCES
from newsletter.delivery.ledger.models import Batch
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, hand_over

BEGIN = datetime(2026, 6, 1, 7, tzinfo=UTC)

Send = Callable[[int, int], list[int]]


@pytest.fixture
def send(app: Flask, db: Database, settings: Settings) -> Send:
    """Sends so many digests, so many days apart, to three readers; their batches."""
    with clock.set_to(BEGIN - timedelta(days=1)):
        add_article(db, "A story")
        add_readers(db, 3)

    def send(count: int, days: int) -> list[int]:
        for number in range(count):
            with clock.set_to(BEGIN + timedelta(days=days * number)):
                hand_over(db, settings)
        with db.reading() as session:
            return list(session.scalars(select(Batch.id).order_by(Batch.id)))

    return send


def report(db: Database, settings: Settings, batches: Sequence[int], kind: EventKind = EventKind.SOFT_BOUNCED) -> None:
    """Report that each batch's mail to the first reader came back."""
    for batch in batches:
        with db.transaction() as session:
            at = int((BEGIN + timedelta(days=60)).timestamp())
            assert (
                applying.apply_events(session, settings.suppression_key, [ReaderEvent(kind, at, BatchId(batch), 0)])
                == 1
            )


def state(db: Database, settings: Settings) -> tuple[str, SuppressionReason | None]:
    with db.reading() as session:
        reader = session.scalars(select(Subscriber).order_by(Subscriber.id)).first()
        assert reader is not None
        return reader.status, suppressions.reason_for(session, settings.suppression_key, reader.address_key)


ENDED = (SubscriberStatus.BOUNCED, SuppressionReason.BOUNCED)
SUBSCRIBED = (SubscriberStatus.ACTIVE, None)


def test_five_in_a_row_are_enough_and_four_are_not(db: Database, settings: Settings, send: Send) -> None:
    batches = send(SOFT_BOUNCES, 7)
    report(db, settings, batches[:-1] * 3)
    assert state(db, settings) == SUBSCRIBED
    report(db, settings, batches[-1:])
    assert state(db, settings) == ENDED
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status)).all().count(SubscriberStatus.ACTIVE) == 2


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order(db: Database, settings: Settings, send: Send, seed: int) -> None:
    """Of seven digests the second was delivered and the others came back: the last five are in a row."""
    batches = send(7, 5)
    came_back = batches[:1] + batches[2:]
    random.Random(seed).shuffle(came_back)
    report(db, settings, came_back[:-1])
    report(db, settings, came_back)
    assert state(db, settings) == ENDED


@pytest.mark.parametrize("delivered", [1, 2, 3, 4])
def test_one_delivered_in_between_ends_the_row(db: Database, settings: Settings, send: Send, delivered: int) -> None:
    """Nobody has to report the delivery: no failure was reported."""
    batches = send(SOFT_BOUNCES + 1, 5)
    report(db, settings, batches[:delivered] + batches[delivered + 1 :])
    assert state(db, settings) == SUBSCRIBED


def test_a_digest_that_was_never_sent_counts_for_neither(db: Database, settings: Settings, send: Send) -> None:
    batches = send(SOFT_BOUNCES + 1, 5)
    with db.transaction() as session:
        missed = session.get_one(Batch, batches[2])
        missed.outcomes = b"s" + missed.outcomes[1:]
    report(db, settings, batches[:2] + batches[3:])
    assert state(db, settings) == ENDED


def test_a_blocked_digest_counts_for_neither(db: Database, settings: Settings, send: Send) -> None:
    batches = send(SOFT_BOUNCES + 1, 5)
    report(db, settings, batches[2:3], EventKind.BLOCKED)
    report(db, settings, batches[:2] + batches[3:])
    assert state(db, settings) == ENDED


def test_blocked_digests_never_end_a_subscription(db: Database, settings: Settings, send: Send) -> None:
    report(db, settings, send(SOFT_BOUNCES * 2, 2), EventKind.BLOCKED)
    assert state(db, settings) == SUBSCRIBED


def test_soft_bounces_too_far_apart_do_not_count_together(db: Database, settings: Settings, send: Send) -> None:
    report(db, settings, send(SOFT_BOUNCES, 8))
    assert state(db, settings) == SUBSCRIBED


def test_soft_bounces_before_a_new_confirmation_do_not_count(db: Database, settings: Settings, send: Send) -> None:
    batches = send(SOFT_BOUNCES, 5)
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber).order_by(Subscriber.id)).first()
        assert reader is not None
        reader.confirmed_at = BEGIN + timedelta(days=2)
    report(db, settings, batches)
    assert state(db, settings) == SUBSCRIBED


@pytest.mark.parametrize(
    ("first", "status"),
    [(EventKind.BLOCKED, SubscriberStatus.ACTIVE), (EventKind.SOFT_BOUNCED, SubscriberStatus.BOUNCED)],
)
def test_mails_that_sendgrid_drops_for_a_day_when_we_were_blocked_end_nothing(
    db: Database, settings: Settings, send: Send, first: EventKind, status: SubscriberStatus
) -> None:
    """SendGrid lists whom it calls bounced, for spam too, and drops each mail to them from then on."""
    blocked, *later = send(SOFT_BOUNCES + 1, 2)
    report(db, settings, [blocked], first)
    for batch in later:
        at = int((BEGIN + timedelta(days=60)).timestamp())
        dropped = ReaderEvent(
            EventKind.DROPPED, at, BatchId(batch), 0, listed=EventKind.BOUNCED, reason="Bounced Address"
        )
        with db.transaction() as session:
            applying.apply_events(session, settings.suppression_key, [dropped])
    assert state(db, settings)[0] == status
