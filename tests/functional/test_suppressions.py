"""Suppressions: kept without the address, stronger reasons win, and what they mean for a sign-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select, text

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import addresses, links, suppressions
from newsletter.subscribers.models import Reason, Status, Subscriber, Suppression
from newsletter.subscribers.suppressions import ToSuppress

ADA = "Ada@Example.org"
KEY = addresses.key(ADA)
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def suppress(db: Database, settings: Settings, reason: Reason) -> None:
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, KEY, reason)


def kept(db: Database) -> list[tuple[str, datetime]]:
    with db.reading() as session:
        return [(row.reason, row.created_at) for row in session.scalars(select(Suppression))]


def test_what_is_kept_is_no_address(db: Database, settings: Settings) -> None:
    suppress(db, settings, Reason.BOUNCED)
    with db.reading() as session:
        (row,) = session.execute(text("SELECT * FROM suppressions")).all()
        assert len(bytes(row.key_hash)) == 32
        assert b"ada" not in bytes(row.key_hash).lower()
        assert "ada" not in f"{row.reason}{row.created_at}".lower()


@pytest.mark.parametrize("order", [*permutations(Reason)])
def test_the_strongest_reason_stays_in_any_order(db: Database, settings: Settings, order: tuple[Reason, ...]) -> None:
    for reason in (*order, *order):
        suppress(db, settings, reason)
    assert [reason for reason, _ in kept(db)] == [Reason.COMPLAINED]


def test_in_one_go_the_order_does_not_matter_either(db: Database, settings: Settings) -> None:
    later = NOON + timedelta(days=1)
    for found in permutations([ToSuppress(KEY, Reason.LEFT, later), ToSuppress(KEY, Reason.BOUNCED, NOON)]):
        with db.transaction() as session:
            suppressions.suppress_all(session, settings.suppression_key, found)
        assert kept(db) == [("bounced", NOON)]


@pytest.mark.parametrize("times", [*permutations([0, 1, 2])])
def test_of_one_reason_the_latest_time_stays(db: Database, settings: Settings, times: tuple[int, ...]) -> None:
    for days in times:
        with db.transaction() as session:
            found = [ToSuppress(KEY, Reason.BOUNCED, NOON + timedelta(days=days))]
            suppressions.suppress_all(session, settings.suppression_key, found)
    assert kept(db) == [("bounced", NOON + timedelta(days=2))]


def test_many_are_looked_up_at_once(db: Database, settings: Settings) -> None:
    everyone = [f"r{number}@readers.example" for number in range(12_000)]
    some = set(everyone[::1000])
    with db.transaction() as session:
        found = [ToSuppress(key, Reason.LEFT, NOON) for key in some]
        suppressions.suppress_all(session, settings.suppression_key, found)
        assert suppressions.suppressed_among(session, settings.suppression_key, iter(everyone)) == some
        assert suppressions.suppressed_among(session, settings.suppression_key, []) == set()
        assert suppressions.suppressed_among(session, "another key than that", everyone) == set()


@pytest.mark.parametrize("reason", Reason)
def test_a_sign_up_answers_alike_and_mails_only_who_may_come_back(
    client: FlaskClient, db: Database, settings: Settings, reason: Reason
) -> None:
    """The reader is erased: nothing but the suppression knows the address."""
    suppress(db, settings, reason)
    stranger = client.post("/subscribe", data={"email": "ADA2@example.org"})
    answer = client.post("/subscribe", data={"email": "ADA@example.org"})
    assert (answer.status_code, answer.text) == (stranger.status_code, stranger.text.replace("ADA2@", "ADA@"))
    with db.reading() as session:
        mails = session.query(OutgoingMail).count()
        readers = session.scalars(select(Subscriber.address_key)).all()
    assert mails == (2 if reason is Reason.LEFT else 1)
    assert (KEY in readers) is (reason is Reason.LEFT)


def test_who_left_comes_back_by_confirming(client: FlaskClient, db: Database, settings: Settings) -> None:
    suppress(db, settings, Reason.LEFT)
    client.post("/subscribe", data={"email": ADA})
    with db.reading() as session:
        token = links.confirmation(settings.signing_keys, session.scalars(select(Subscriber)).one())
    assert client.post(f"/confirm/{token}").status_code == 200
    assert kept(db) == []
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status)).one() == Status.ACTIVE


@pytest.mark.parametrize("reason", [Reason.BOUNCED, Reason.COMPLAINED])
def test_confirming_lifts_neither_a_bounce_nor_a_complaint(db: Database, settings: Settings, reason: Reason) -> None:
    suppress(db, settings, reason)
    with db.transaction() as session:
        suppressions.lift_left(session, settings.suppression_key, KEY)
        assert suppressions.reason_for(session, settings.suppression_key, KEY) is reason


def test_a_suppression_outlives_the_reader(db: Database, settings: Settings) -> None:
    suppress(db, settings, Reason.COMPLAINED)
    with db.transaction() as session:
        session.execute(delete(Subscriber))
        assert suppressions.is_suppressed(session, settings.suppression_key, addresses.key("ada@EXAMPLE.org"))
