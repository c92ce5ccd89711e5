"""Proofs of acceptance resolve a doubt, whichever of the two comes first, and do nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import permutations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.cli.digests.report_text import describe_report
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.events import acceptance, webhook_deliveries
from newsletter.delivery.events.models import AcceptanceProof
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.reports import report
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, REFUSED, WAITING
from tests.factories import add_article, add_readers, letter_of, send_digest
from tests.services.sendgrid_events import SendGridSigner, body, event

SIGNER = SendGridSigner()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, sendgrid_webhook_key=SIGNER.public_key)


@pytest.fixture(autouse=True)
def batch(app: Flask, db: Database, settings: Settings) -> None:
    """The one batch of three readers is being sent at its second attempt; one reader was refused at the first."""
    add_article(db, "A story")
    add_readers(db, 3)
    send_digest(db, settings)
    change(db, BatchState.SENDING, attempt=2, outcomes=bytes([REFUSED, IN_DOUBT, IN_DOUBT]))


def change(db: Database, state: BatchState, **values: object) -> None:
    with db.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        batch.state = state
        for name, value in values.items():
            setattr(batch, name, value)


def proofs(client: FlaskClient, *attempts: int, word: str = "processed", digest_key: str = "") -> None:
    """Events of these attempts, posted and processed."""
    with runtime().db.reading() as session:
        batch = session.scalars(select(Batch.id)).one()
    custom = {"batch": str(batch), "letter": digest_key or letter_of(runtime().db), "n": "1"}
    now = clock.now().timestamp()
    raw = body(*[event(word, "", now, attempt=str(attempt), **custom) for attempt in attempts])
    assert client.post("/hooks/sendgrid", data=raw, headers=SIGNER.headers(raw, now)).status_code == 204
    webhook_deliveries.process_deliveries(runtime())


def outcomes(db: Database) -> str:
    with db.reading() as session:
        return session.scalars(select(Batch.outcomes)).one().decode()


def stored(db: Database) -> int:
    with db.reading() as session:
        return session.query(AcceptanceProof).count()


@pytest.mark.parametrize("word", ["processed", "deferred", "delivered", "bounce", "dropped", "spamreport"])
def test_any_event_of_the_attempt_resolves_a_doubt(client: FlaskClient, db: Database, word: str) -> None:
    change(db, BatchState.IN_DOUBT)
    proofs(client, 2, word=word)
    assert outcomes(db) == "raa"
    with db.reading() as session:
        assert session.scalars(select(Batch.state)).one() == BatchState.DONE
    assert stored(db) == 0


def test_an_event_may_come_before_the_doubt(client: FlaskClient, db: Database) -> None:
    """SendGrid accepts a batch, delivers it, reports that, and never answers the request."""
    proofs(client, 2)
    assert outcomes(db) == "r??"
    change(db, BatchState.IN_DOUBT)
    with db.transaction() as session:
        assert len(acceptance.resolve_proven(session)) == 1
    assert outcomes(db) == "raa"
    assert stored(db) == 0


@pytest.mark.parametrize("state", [BatchState.SENDING, BatchState.CLAIMED, BatchState.DONE])
def test_a_batch_that_is_not_in_doubt_stays_as_it_is(client: FlaskClient, db: Database, state: BatchState) -> None:
    change(db, state)
    proofs(client, 2)
    assert outcomes(db) == "r??"
    assert stored(db) == (0 if state == BatchState.DONE else 1)


def test_a_batch_of_the_same_number_elsewhere_proves_nothing(client: FlaskClient, db: Database) -> None:
    """It is of another installation on the same account, or of this database before a backup was restored."""
    change(db, BatchState.IN_DOUBT)
    proofs(client, 2, digest_key="0123456789ab")
    assert outcomes(db) == "r??"


@pytest.mark.parametrize("attempt", [1, 3])
def test_another_attempt_proves_nothing_for_this_one(client: FlaskClient, db: Database, attempt: int) -> None:
    change(db, BatchState.IN_DOUBT)
    proofs(client, attempt)
    assert outcomes(db) == "r??"


@pytest.mark.parametrize("order", [*permutations([1, 2, 3])])
def test_in_any_order_and_often(client: FlaskClient, db: Database, order: tuple[int, ...]) -> None:
    change(db, BatchState.IN_DOUBT)
    for attempt in order:
        proofs(client, attempt)
        proofs(client, *order)
    assert outcomes(db) == "raa"


def test_a_proof_is_dropped_when_its_attempt_is_past(client: FlaskClient, db: Database) -> None:
    proofs(client, 2)
    change(db, BatchState.READY, attempt=3)
    with db.transaction() as session:
        assert acceptance.resolve_proven(session) == []
    assert stored(db) == 0


def test_a_wrong_resolution_is_reported_and_sends_nothing(
    client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """An editor had attempt 2 sent again as attempt 3, and events of both come."""
    change(db, BatchState.READY, outcomes=bytes([REFUSED, WAITING, WAITING]), resent_attempt=2)
    change(db, BatchState.IN_DOUBT, attempt=3, outcomes=bytes([REFUSED, IN_DOUBT, IN_DOUBT]))
    with caplog.at_level(logging.WARNING):
        proofs(client, 2)
    assert outcomes(db) == "r??"
    assert "mailed twice" in caplog.text
    assert "@" not in caplog.text
    change(db, BatchState.DONE, outcomes=bytes([REFUSED, ACCEPTED, ACCEPTED]), note=None)
    with db.reading() as session:
        found = report.digest_report(session, session.scalars(select(Batch.digest_id)).one())
    assert found.mailed_twice == 2
    assert "2 mailed twice" in describe_report(found)


def test_an_older_attempt_that_nobody_had_sent_again_is_nothing_special(
    client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Temporary refusals of attempt 1 were retried in attempt 2, so late events of attempt 1 are in order."""
    with caplog.at_level(logging.INFO):
        proofs(client, 1)
    assert "twice" not in caplog.text


def test_a_stored_proof_does_not_resolve_a_later_attempt(client: FlaskClient, db: Database) -> None:
    proofs(client, 2)
    change(db, BatchState.IN_DOUBT, attempt=3)
    with db.transaction() as session:
        assert acceptance.resolve_proven(session) == []
    assert outcomes(db) == "r??"
