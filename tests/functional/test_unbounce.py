"""`subscribers unbounce` brings back whom wrong bounces took, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli.subscribers.reader import subscribers
from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey, BatchId
from newsletter.delivery.events import applying
from newsletter.delivery.events.event_kinds import EventKind, ReaderEvent
from newsletter.delivery.events.models import Event
from newsletter.delivery.events.soft_bounces import SOFT_BOUNCES
from newsletter.delivery.ledger.models import Batch
from newsletter.subscribers import lifecycle
from newsletter.subscribers.models import Subscriber, SuppressionReason, Unsuppression
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_readers, hand_over

WRONG = "550 5.1.1 user unknown"
Report = Callable[..., None]


@pytest.fixture
def digests(app: Flask, db: Database, settings: Settings) -> list[int]:
    """Two digests that six readers got."""
    add_article(db, "A story")
    add_readers(db, 6)
    return [hand_over(db, settings), hand_over(db, settings)]


@pytest.fixture
def report(db: Database, settings: Settings, digests: list[int]) -> Report:
    """Reports an event about a reader's mail of a digest: report(digest, number, kind, reason)."""

    def report(digest: int, number: int, kind: EventKind = EventKind.BOUNCED, reason: str = WRONG) -> None:
        with db.transaction() as session:
            batch = BatchId(session.scalars(select(Batch.id).where(Batch.digest_id == digest)).one())
            event = ReaderEvent(kind, int(clock.now().timestamp()) + 1, batch, number - 1, reason=reason)
            assert applying.apply_events(session, settings.suppression_key, [event]) == 1

    return report


def unbounce(app: Flask, *arguments: str, answer: str = "") -> Result:
    return app.test_cli_runner().invoke(subscribers, ["unbounce", *arguments], input=answer)


def statuses(db: Database) -> list[str]:
    with db.reading() as session:
        return [str(status) for status in session.scalars(select(Subscriber.status).order_by(Subscriber.id))]


def test_those_whom_a_digests_bounces_took_come_back(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    for number in (1, 2):
        report(digests[0], number)
    result = unbounce(app, "--digest", str(digests[0]), answer="n\n")
    assert "Bring back 2 readers?" in result.output
    assert statuses(db)[:2] == ["bounced"] * 2
    result = unbounce(app, "--digest", str(digests[0]), "--yes", "--json")
    assert json.loads(result.stdout) == {"unbounced": 2}
    assert statuses(db) == ["active"] * 6
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, AddressKey("r1@readers.example"))
        kept = session.scalars(select(Unsuppression)).all()
        assert [(one.reason, one.why) for one in kept] == [
            (SuppressionReason.BOUNCED, f"The bounces of digest {digests[0]} were wrong.")
        ] * 2
    report(digests[0], 1)  # the same report again
    assert statuses(db)[0] == "active"
    report(digests[1], 1)
    assert statuses(db)[0] == "bounced"


def test_nobody_comes_back_who_ended_otherwise(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    wrong, other = digests
    for number in range(1, 6):
        report(wrong, number)
    report(other, 1, reason="550 5.1.1 no such person")
    report(other, 2, EventKind.COMPLAINED)
    report(wrong, 3, EventKind.UNSUBSCRIBED)
    with db.transaction() as session:
        fourth = session.scalars(select(Subscriber).where(Subscriber.address == "r4@readers.example")).one()
        assert lifecycle.unsubscribe(session, fourth, by=READER) is False
        assert fourth.unsubscribed_at is not None
        sixth = session.scalars(select(Subscriber).where(Subscriber.address == "r6@readers.example")).one()
        lifecycle.unsubscribe(session, sixth, by=READER)
    report(wrong, 6)
    before = statuses(db)
    assert unbounce(app, "--digest", str(wrong), "--yes").output.startswith("Subscribed again: 1 reader.")
    assert statuses(db) == [*before[:4], "active", before[5]]
    assert before == ["bounced", "complained", "bounced", "bounced", "bounced", "bounced"]


@pytest.mark.parametrize(
    "words", ["user unknown", "USER UNKNOWN", "550 5.1.1 user unknown", "550 5.1.1 … user unknown"]
)
def test_by_the_words_of_the_bounce(app: Flask, db: Database, digests: list[int], report: Report, words: str) -> None:
    report(digests[0], 1, reason="550 5.1.1 id4711.mx user unknown")
    report(digests[0], 2, reason="550 5.1.1 no such person")
    assert json.loads(unbounce(app, "--reason", words, "--yes", "--json").stdout) == {"unbounced": 1}
    assert statuses(db)[:2] == ["active", "bounced"]


def test_both_must_fit(app: Flask, db: Database, digests: list[int], report: Report) -> None:
    report(digests[0], 1)
    report(digests[1], 2)
    result = unbounce(app, "--reason", "unknown", "--digest", str(digests[1]), "--yes", "--json")
    assert json.loads(result.stdout) == {"unbounced": 1}
    assert statuses(db)[:2] == ["bounced", "active"]


def test_soft_bounces_that_stay_keep_a_subscription_ended(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    more = [hand_over(db, settings) for _ in range(SOFT_BOUNCES)]
    for digest in more:
        report(digest, 1, EventKind.SOFT_BOUNCED, "452 4.2.2 mailbox full")
    for digest in more[:-1]:
        report(digest, 2, EventKind.SOFT_BOUNCED, "452 4.2.2 mailbox full")
    report(digests[0], 1)
    report(digests[0], 2)
    unbounce(app, "--digest", str(digests[0]), "--yes")
    assert statuses(db)[:2] == ["bounced", "active"]
    unbounce(app, "--reason", "mailbox full", "--yes")
    assert statuses(db)[:2] == ["bounced", "active"], "the hard bounce stays"


def test_withdrawn_soft_bounces_count_no_more(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    more = [hand_over(db, settings) for _ in range(SOFT_BOUNCES + 1)]
    for digest in more[:-1]:
        report(digest, 1, EventKind.SOFT_BOUNCED, "452 out of order")
    assert statuses(db)[0] == "bounced"
    unbounce(app, "--reason", "out of order", "--yes")
    report(more[-1], 1, EventKind.SOFT_BOUNCED, "452 mailbox full")
    assert statuses(db)[0] == "active"


def test_sendgrids_list_does_not_end_it_again(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    """SendGrid goes on dropping mail to an address that it listed for the wrong bounce."""
    report(digests[0], 1)
    unbounce(app, "--digest", str(digests[0]), "--yes")
    with db.transaction() as session:
        batch = BatchId(session.scalars(select(Batch.id).where(Batch.digest_id == digests[1])).one())
        dropped = ReaderEvent(
            EventKind.DROPPED,
            int(clock.now().timestamp()) + 1,
            batch,
            0,
            listed=EventKind.BOUNCED,
            reason="Bounced Address",
        )
        applying.apply_events(session, settings.suppression_key, [dropped])
    assert statuses(db)[0] == "active"
    with db.reading() as session:
        kinds = session.scalars(select(Event.kind).where(Event.digest_id == digests[1])).all()
    assert kinds == [EventKind.BLOCKED]


def test_an_old_bounce_before_the_last_confirmation_keeps_nobody_away(
    app: Flask, db: Database, settings: Settings, digests: list[int], report: Report
) -> None:
    report(digests[0], 1)
    with clock.set_to(clock.now() + timedelta(days=40)):
        with db.transaction() as session:
            first = session.scalars(select(Subscriber).where(Subscriber.address == "r1@readers.example")).one()
            lifecycle.confirm(session, settings.suppression_key, first, by=READER)
        digest = hand_over(db, settings)
        report(digest, 1)
        assert json.loads(unbounce(app, "--digest", str(digest), "--yes", "--json").stdout) == {"unbounced": 1}


def test_mistakes(app: Flask, digests: list[int]) -> None:
    assert unbounce(app).exit_code != 0
    assert unbounce(app, "--digest", "4711", "--yes").exit_code != 0
    assert "No subscription ended" in unbounce(app, "--digest", str(digests[0])).output
