"""Suppressions: kept without the address, stronger reasons win, and what they mean for a sign-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import delete, select, text

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber, Suppression, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import ToSuppress

ADA = "Ada@Example.org"
KEY = addresses.identity_key(ADA)
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def suppress(db: Database, settings: Settings, reason: SuppressionReason) -> None:
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, KEY, reason)


def kept(db: Database) -> list[tuple[str, datetime]]:
    with db.reading() as session:
        return [(row.reason, row.created_at) for row in session.scalars(select(Suppression))]


def test_what_is_kept_is_no_address(db: Database, settings: Settings) -> None:
    suppress(db, settings, SuppressionReason.BOUNCED)
    with db.reading() as session:
        (row,) = session.execute(text("SELECT * FROM suppressions")).all()
        assert len(bytes(row.key_hash)) == 32
        assert b"ada" not in bytes(row.key_hash).lower()
        assert "ada" not in f"{row.reason}{row.created_at}".lower()


@pytest.mark.parametrize("order", [*permutations(SuppressionReason)])
def test_the_strongest_reason_stays_in_any_order(
    db: Database, settings: Settings, order: tuple[SuppressionReason, ...]
) -> None:
    for reason in (*order, *order):
        suppress(db, settings, reason)
    assert [reason for reason, _ in kept(db)] == [SuppressionReason.COMPLAINED]


def test_in_one_go_the_order_does_not_matter_either(db: Database, settings: Settings) -> None:
    later = NOON + timedelta(days=1)
    for found in permutations(
        [ToSuppress(KEY, SuppressionReason.UNSUBSCRIBED, later), ToSuppress(KEY, SuppressionReason.BOUNCED, NOON)]
    ):
        with db.transaction() as session:
            suppressions.suppress_all(session, settings.suppression_key, found)
        assert kept(db) == [("bounced", NOON)]


@pytest.mark.parametrize("times", [*permutations([0, 1, 2])])
def test_of_one_reason_the_latest_time_stays(db: Database, settings: Settings, times: tuple[int, ...]) -> None:
    for days in times:
        with db.transaction() as session:
            found = [ToSuppress(KEY, SuppressionReason.BOUNCED, NOON + timedelta(days=days))]
            suppressions.suppress_all(session, settings.suppression_key, found)
    assert kept(db) == [("bounced", NOON + timedelta(days=2))]


def test_many_are_looked_up_at_once(db: Database, settings: Settings) -> None:
    everyone = [AddressKey(f"r{number}@readers.example") for number in range(12_000)]
    some = set(everyone[::1000])
    with db.transaction() as session:
        found = [ToSuppress(key, SuppressionReason.UNSUBSCRIBED, NOON) for key in some]
        suppressions.suppress_all(session, settings.suppression_key, found)
        assert suppressions.suppressed_among(session, settings.suppression_key, iter(everyone)) == some
        assert suppressions.suppressed_among(session, settings.suppression_key, []) == set()
        assert suppressions.suppressed_among(session, SuppressionKey("another key than that"), everyone) == set()


def test_confirming_ends_every_suppression_but_a_complaint(db: Database, settings: Settings) -> None:
    for reason in (
        SuppressionReason.UNSUBSCRIBED,
        SuppressionReason.ERASED,
        SuppressionReason.BOUNCED,
        SuppressionReason.COMPLAINED,
    ):
        suppress(db, settings, reason)
        with db.transaction() as session:
            suppressions.remove_suppression(session, settings.suppression_key, KEY)
            found = suppressions.reason_for(session, settings.suppression_key, KEY)
        assert found == (SuppressionReason.COMPLAINED if reason is SuppressionReason.COMPLAINED else None)


def test_a_suppression_outlives_the_reader(db: Database, settings: Settings) -> None:
    suppress(db, settings, SuppressionReason.COMPLAINED)
    with db.transaction() as session:
        session.execute(delete(Subscriber))
        assert suppressions.is_suppressed(session, settings.suppression_key, addresses.identity_key("ada@EXAMPLE.org"))
