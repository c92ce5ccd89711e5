"""Bounces and complaints after public reports: a reader is lost only when the mailbox is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli.bounces import bounces
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.events import sendgrid_events
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.ledger.models import Batch, RenderedDigestRow
from newsletter.mail import message_ids, return_path
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from tests.factories import add_article, add_readers, hand_over

CASES = Path(__file__).parent
NOT_THE_READER = sorted((CASES / "bounce-not-the-reader").glob("*.eml"))
HARD = {"exim-nouser-ip"}
ABOUT_US = {"dsn-511-ratelimit", "dsn-rate"}


class Sent(NamedTuple):
    """A mail of a digest to the first reader."""

    signed: str
    unsubscribe_url: str
    message_id: str


@pytest.fixture
def sent(app: Flask, db: Database, settings: Settings) -> Sent:
    add_article(db, "A story")
    add_readers(db, 2)
    hand_over(db, settings)
    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
        reader = session.get_one(Subscriber, batch.first_id)
        salt = session.scalars(select(RenderedDigestRow.id_salt)).one()
    key = return_path.return_path_key(settings.suppression_key)
    return Sent(
        return_path.signed_address(key, "bounces.example.org", batch.id, reader.id),
        settings.url(f"/unsubscribe/{reader.token}"),
        f"{message_ids.message_name(salt, reader.id)}@{settings.public_host}",
    )


def read(app: Flask, raw: bytes, *options: str) -> str | None:
    result = app.test_cli_runner().invoke(bounces, ["read", "--json", *options], input=raw)
    assert result.exit_code == 0, result.output
    recorded: str | None = json.loads(result.stdout)["recorded"]
    return recorded


def status(db: Database) -> str:
    with db.reading() as session:
        return session.scalars(select(Subscriber.status).order_by(Subscriber.id)).all()[0]


@pytest.mark.parametrize("case", NOT_THE_READER, ids=lambda case: case.stem)
def test_only_a_missing_mailbox_ends_a_subscription(app: Flask, db: Database, sent: Sent, case: Path) -> None:
    kind = EventKind.BLOCKED if case.stem in ABOUT_US else EventKind.SOFT_BOUNCED
    kind = EventKind.BOUNCED if case.stem in HARD else kind
    assert read(app, case.read_bytes(), "--to", sent.signed) == kind
    assert status(db) == (SubscriberStatus.BOUNCED if case.stem in HARD else SubscriberStatus.ACTIVE)


def test_an_encoded_status_is_read(app: Flask, db: Database, sent: Sent) -> None:
    assert read(app, (CASES / "bounce-forms" / "dsn-base64.eml").read_bytes(), "--to", sent.signed) == "bounced"
    assert status(db) == SubscriberStatus.BOUNCED


def test_microsofts_form_of_a_complaint(app: Flask, db: Database, sent: Sent) -> None:
    raw = (CASES / "complaint-forms" / "jmrp.eml").read_bytes().replace(b"%s", sent.signed.encode())
    assert read(app, raw) == "complained"
    assert status(db) == SubscriberStatus.COMPLAINED


@pytest.mark.parametrize("lost", ["", "UNSUBSCRIBE_URL", "MESSAGE_ID"])
def test_a_complaint_without_a_return_path(app: Flask, db: Database, sent: Sent, lost: str) -> None:
    raw = (CASES / "complaint-forms" / "arf-no-return-path.eml").read_text()
    values = {"UNSUBSCRIBE_URL": sent.unsubscribe_url, "MESSAGE_ID": sent.message_id} | ({lost: "none"} if lost else {})
    for name, value in values.items():
        raw = raw.replace(f"%{name}%", value)
    assert read(app, raw.encode()) == "complained"
    assert status(db) == SubscriberStatus.COMPLAINED


@pytest.mark.parametrize(
    "item",
    json.loads((CASES / "sendgrid-bounce-types" / "events.json").read_text()),
    ids=lambda item: item["type"] + item["status"],
)
def test_sendgrids_type_alone_decides_nothing(item: dict[str, str]) -> None:
    expected = item.pop("expect")
    (found,) = sendgrid_events.parse_delivery(
        json.dumps([item | {"email": "ada@example.org"}]).encode(), 1_777_723_200
    ).events
    assert (found.event.kind is EventKind.BOUNCED) == (expected == "hard")
