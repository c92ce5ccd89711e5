"""SendGrid's events of a test mail count nowhere, even when the test went to a reader."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.events.models import AcceptanceProof, Event, StoredReport
from newsletter.operations.digest_samples import send_sample
from newsletter.subscribers.models import Subscriber, Suppression
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest, add_readers
from tests.services.sendgrid_events import NO_SUCH_MAILBOX, SendGridSigner, body, event, hard_bounce
from tests.services.sendgrid_standin import SendGridStandIn

SIGNER = SendGridSigner()
R1 = "r1@readers.example"
SOFT = {"type": "bounce", "status": "4.2.2", "reason": "452 4.2.2 mailbox full"}
BLOCKED = {"type": "blocked", "status": "5.7.1", "reason": "550 5.7.1 spam"}


@pytest.fixture
def provider() -> Iterator[SendGridStandIn]:
    with SendGridStandIn() as standin:
        yield standin


@pytest.fixture
def settings(settings: Settings, provider: SendGridStandIn) -> Settings:
    return replace(provider.settings(settings), sendgrid_webhook_key=SIGNER.public_key)


@pytest.fixture
def arguments(app: Flask, db: Database, provider: SendGridStandIn) -> dict[str, str]:
    """The custom arguments of a test that went to a reader."""
    add_article(db, "A story")
    add_readers(db, 1)
    send_sample(runtime(), add_digest(db), R1, Preferences())
    (mail,) = provider.mails()
    return mail.custom_args


def test_whatever_sendgrid_reports_of_it_changes_nothing(
    client: FlaskClient, db: Database, arguments: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    at = clock.now().timestamp()
    events = [
        *(event(word, R1, at, **arguments) for word in ("processed", "deferred", "delivered", "open", "click")),
        *(event(word, R1, at, **arguments) for word in ("spamreport", "unsubscribe", "group_unsubscribe")),
        event("dropped", R1, at, **arguments, reason="Bounced Address"),
        hard_bounce(R1, at, **arguments),
        *(event("bounce", R1, at, **arguments, **fields) for fields in (SOFT, BLOCKED)),
    ]
    raw = body(*events)
    with caplog.at_level(logging.INFO):
        assert client.post("/hooks/sendgrid", data=raw, headers=SIGNER.headers(raw, at)).status_code == 204
        assert webhook_deliveries.process_deliveries(runtime()) is False
    said = [each.getMessage() for each in caplog.records if "queue cannot be reached" not in each.getMessage()]
    assert said == []
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status)).all() == ["active"]
        for table in (Event, StoredReport, AcceptanceProof, Suppression):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_the_same_events_of_another_mail_count(client: FlaskClient, db: Database, arguments: dict[str, str]) -> None:
    at = clock.now().timestamp()
    raw = body(event("bounce", R1, at, n=arguments["n"]) | NO_SUCH_MAILBOX)
    assert client.post("/hooks/sendgrid", data=raw, headers=SIGNER.headers(raw, at)).status_code == 204
    webhook_deliveries.process_deliveries(runtime())
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status)).all() == ["bounced"]
