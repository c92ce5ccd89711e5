"""The owner of a subscriber's status: each action starts from its sources alone, and is logged without the address."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import permutations
from typing import NamedTuple

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import CLOCK, OPERATOR, PROVIDER, READER, WORKER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.core.ids import AddressKey
from newsletter.subscribers import lifecycle, reported_ends, status_transitions
from newsletter.subscribers.bulk_insert import ConfirmedReader, PendingReader
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.reported_ends import End
from newsletter.subscribers.status_transitions import TRANSITIONS, SubscriberTransition
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import STRENGTH

ADA, NEW = AddressKey("ada@example.org"), AddressKey("ada@new.example")


class Action(NamedTuple):
    transition: SubscriberTransition
    act: Callable[[Session, Settings, Subscriber], object]
    is_confirmed: bool = True


def _end(reason: SuppressionReason) -> Callable[[Session, Settings, Subscriber], object]:
    def act(session: Session, settings: Settings, reader: Subscriber) -> None:
        reported_ends.end(session, settings.suppression_key, [End(reader, reason, clock.now())], by=PROVIDER)

    return act


def _import(session: Session, settings: Settings, reader: Subscriber) -> None:
    again = ConfirmedReader(reader.address, reader.address_key, clock.now(), Preferences())
    lifecycle.import_confirmed(session, [again], by=OPERATOR)


ACTIONS = {
    "confirm": Action(
        status_transitions.CONFIRM, lambda s, c, r: lifecycle.confirm(s, c.suppression_key, r, by=READER)
    ),
    "import": Action(status_transitions.IMPORT, _import),
    "unsubscribe": Action(status_transitions.UNSUBSCRIBE, lambda s, c, r: lifecycle.unsubscribe(s, r, by=READER)),
    "undo": Action(
        status_transitions.UNDO_UNSUBSCRIBE,
        lambda s, c, r: lifecycle.undo_unsubscribe(s, c.suppression_key, r, by=READER),
    ),
    "undo, unconfirmed": Action(
        status_transitions.UNDO_UNCONFIRMED,
        lambda s, c, r: lifecycle.undo_unsubscribe(s, c.suppression_key, r, by=READER),
        is_confirmed=False,
    ),
    "reported unsubscribed": Action(status_transitions.UNSUBSCRIBE, _end(SuppressionReason.UNSUBSCRIBED)),
    "bounce": Action(status_transitions.BOUNCE, _end(SuppressionReason.BOUNCED)),
    "complain": Action(status_transitions.COMPLAIN, _end(SuppressionReason.COMPLAINED)),
    "unsuppress": Action(
        status_transitions.UNSUPPRESS, lambda s, c, r: reported_ends.unsuppress(s, r, clock.now(), by=OPERATOR)
    ),
    "unbounce": Action(
        status_transitions.UNBOUNCE,
        lambda s, c, r: reported_ends.unbounce(s, c.suppression_key, [r], "Wrong", by=OPERATOR),
    ),
    "change address": Action(
        status_transitions.CHANGE_ADDRESS,
        lambda s, c, r: lifecycle.change_address(s, c.suppression_key, r, NEW, NEW, by=READER),
    ),
    "undo change": Action(
        status_transitions.UNDO_CHANGE,
        lambda s, c, r: lifecycle.undo_change(s, c.suppression_key, r, NEW, NEW, by=READER),
    ),
    "reduce": Action(status_transitions.REDUCE, lambda s, c, r: lifecycle.reduce(s, [r], by=CLOCK)),
    "erase": Action(
        status_transitions.ERASE, lambda s, c, r: lifecycle.erase(s, c.suppression_key, r, [ADA], by=READER)
    ),
}


def add(db: Database, status: SubscriberStatus, key: AddressKey = ADA, *, is_confirmed: bool = True) -> int:
    with db.transaction() as session:
        confirmed_at = clock.now() if is_confirmed else None
        reader = Subscriber(address=key, address_key=key, status=status, confirmed_at=confirmed_at)
        session.add(reader)
        session.flush()
        return reader.id


def status_of(db: Database, number: int) -> SubscriberStatus | None:
    with db.reading() as session:
        return session.scalar(select(Subscriber.status).where(Subscriber.id == number))


def test_every_transition_is_tried_here() -> None:
    tried = {action.transition for action in ACTIONS.values()}
    assert tried == {*TRANSITIONS} - {status_transitions.CREATE}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_starts_from_its_sources_alone(
    db: Database, settings: Settings, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level("DEBUG")
    action = ACTIONS[name]
    for status in SubscriberStatus:
        caplog.clear()
        number = add(db, status, is_confirmed=action.is_confirmed)
        starts = status in action.transition.sources
        with nullcontext() if starts else suppress(ConflictError), db.transaction() as session:
            action.act(session, settings, session.get_one(Subscriber, number))
        assert status_of(db, number) == (action.transition.target if starts else status), status
        assert action.transition.action in caplog.text or not starts
        assert "ada@" not in caplog.text
        with db.transaction() as session:
            session.execute(delete(Subscriber))


@pytest.mark.parametrize("name", ["confirm", "unsubscribe", "unsuppress", "undo change"])
def test_the_row_decides_and_not_what_was_loaded_before(db: Database, settings: Settings, name: str) -> None:
    """A session loaded the row before another transaction changed it: the condition in SQL holds."""
    action = ACTIONS[name]
    source = next(status for status in action.transition.statuses)
    other = next(status for status in SubscriberStatus if status not in action.transition.sources)
    number = add(db, source)
    with db.reading() as session:
        stale = session.get_one(Subscriber, number)
    with db.transaction() as session:
        session.get_one(Subscriber, number).status = other
    with suppress(ConflictError), db.transaction() as session:
        action.act(session, settings, session.merge(stale, load=False))
    assert status_of(db, number) == other


def test_create_adds_one_subscriber_however_often(db: Database) -> None:
    for _ in range(2):
        with db.transaction() as session:
            pending = PendingReader("Ada@example.org", ADA, Preferences("daily"))
            lifecycle.create_many(session, [pending], by=WORKER)
    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
    assert (reader.status, reader.address, reader.cadence) == (SubscriberStatus.PENDING, "Ada@example.org", "daily")


REASONS = [SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED]


@pytest.mark.parametrize("reasons", [*permutations(REASONS)])
@pytest.mark.parametrize("at_once", [True, False])
def test_the_strongest_report_counts_in_any_order(
    db: Database, settings: Settings, reasons: tuple[SuppressionReason, ...], *, at_once: bool
) -> None:
    number = add(db, SubscriberStatus.ACTIVE)
    now = clock.now()
    reported: list[SuppressionReason] = []
    for chunk in [reasons] if at_once else [(reason,) for reason in reasons]:
        reported += chunk
        with db.transaction() as session:
            reader = session.get_one(Subscriber, number)
            ends = [End(reader, reason, now - timedelta(minutes=len(reason))) for reason in chunk]
            reported_ends.end(session, settings.suppression_key, ends, by=PROVIDER)
            assert str(reader.status) == max(reported, key=lambda reason: STRENGTH[reason]), (
                "the loaded row is up to date"
            )
    assert status_of(db, number) == SubscriberStatus.COMPLAINED
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, ADA) == SuppressionReason.COMPLAINED


def test_of_a_confirmation_and_a_complaint_at_once_the_complaint_stays(db: Database, settings: Settings) -> None:
    for _ in range(5):
        number = add(db, SubscriberStatus.PENDING)

        def run(name: str, number: int = number) -> None:
            with suppress(ConflictError), db.transaction() as session:
                ACTIONS[name].act(session, settings, session.get_one(Subscriber, number, with_for_update=True))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, ["confirm", "complain"]))
        assert status_of(db, number) == SubscriberStatus.COMPLAINED
        with db.transaction() as session:
            session.delete(session.get_one(Subscriber, number))


def test_reports_about_many_readers_are_applied_together(db: Database, settings: Settings) -> None:
    numbers = [add(db, SubscriberStatus.ACTIVE, AddressKey(f"r{number}@readers.example")) for number in range(6)]
    with db.transaction() as session:
        readers = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()
        ends = [End(reader, REASONS[number % 3], clock.now()) for number, reader in enumerate(readers)]
        reported_ends.end(session, settings.suppression_key, ends, by=PROVIDER)
    assert [status_of(db, number) for number in numbers] == [SubscriberStatus(reason) for reason in REASONS] * 2
