"""A mailbox that is refused for the second time, days after the first, counts as bounced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.actors import CLOCK, READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.events import refused_mailboxes
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.subscribers import lifecycle
from newsletter.subscribers.models import Subscriber, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, hand_over

BEGIN = datetime(2026, 6, 1, 7, tzinfo=UTC)
REASON = "550 5.1.1 No such user"
Send = Callable[..., int]


@pytest.fixture
def send(app: Flask, db: Database, settings: Settings) -> Send:
    """Sends a digest after so many days; the first of two readers is refused for what it is `about`, or gets it."""
    with clock.set_to(BEGIN - timedelta(days=1)):
        add_article(db, "A story")
        add_readers(db, 2)

    def send(day: float, about: FailureKind | None = FailureKind.MAILBOX) -> int:
        with clock.set_to(BEGIN + timedelta(days=day)):
            digest = hand_over(db, settings)
            with db.transaction() as session:
                batch = session.scalars(select(Batch).where(Batch.digest_id == digest)).one()
                if about is not None:
                    batch.outcomes = bytes([REFUSED, ACCEPTED])
                    session.add(
                        Refusal(
                            digest_id=digest,
                            subscriber_id=batch.first_id,
                            reason=REASON,
                            temporary=False,
                            about=about,
                            created_at=clock.now(),
                        )
                    )
            with db.transaction() as session:
                return refused_mailboxes.end_refused(session, settings.suppression_key, by=CLOCK)

    return send


def statuses(db: Database) -> list[str]:
    with db.reading() as session:
        return [str(status) for status in session.scalars(select(Subscriber.status).order_by(Subscriber.id))]


def test_the_second_refusal_three_days_later_ends_it(db: Database, settings: Settings, send: Send) -> None:
    assert send(0) == 0
    assert send(2.9) == 0
    assert send(3) == 1
    assert statuses(db) == ["bounced", "active"]
    with db.reading() as session:
        event = session.scalars(select(Event)).one()
        assert (event.kind, event.reason) == ("bounced", REASON)
        reader = session.get_one(Subscriber, event.subscriber_id)
        suppressed = suppressions.reason_for(session, settings.suppression_key, reader.address_key)
    assert suppressed is SuppressionReason.BOUNCED


@pytest.mark.parametrize("about", [FailureKind.MOMENT, FailureKind.US])
def test_other_refusals_count_for_nothing(db: Database, send: Send, about: FailureKind) -> None:
    assert [send(0, about), send(4, about), send(8), send(12, about)] == [0] * 4
    assert statuses(db) == ["active", "active"]


def test_a_delivered_digest_in_between_starts_anew(db: Database, send: Send) -> None:
    assert [send(0), send(1, None), send(4), send(5)] == [0] * 4
    assert statuses(db) == ["active", "active"]
    assert send(7) == 1


def test_a_refusal_before_the_last_confirmation_is_another_mailbox(
    db: Database, settings: Settings, send: Send
) -> None:
    send(0)
    with clock.set_to(BEGIN + timedelta(days=1)), db.transaction() as session:
        reader = session.scalars(select(Subscriber).order_by(Subscriber.id).limit(1)).one()
        lifecycle.unsubscribe(session, reader, by=READER)
        lifecycle.confirm(session, settings.suppression_key, reader, by=READER)
    assert send(4) == 0
    assert send(8) == 1
