"""Reports behind verdicts: shown for a while, sealed, and gone with their reader."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli.bounces import bounces
from newsletter.core import clock
from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import stored_reports, webhook_deliveries
from newsletter.delivery.events.models import StoredReport
from newsletter.delivery.ledger.models import Batch
from newsletter.mail import return_path
from newsletter.privacy import data_export, erasure
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_readers, hand_over
from tests.services.bounce_mails import READER as ADDRESS
from tests.services.bounce_mails import dsn
from tests.services.sendgrid_events import AGENT, IP, body, hard_bounce


@pytest.fixture
def number(app: Flask, db: Database, settings: Settings) -> int:
    """The number of a reader whose mail came back."""
    add_article(db, "A story")
    add_readers(db, 1)
    hand_over(db, settings)
    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
    key = return_path.return_path_key(settings.suppression_key)
    signed = return_path.signed_address(key, "bounces.example.org", batch.id, batch.first_id)
    result = app.test_cli_runner().invoke(bounces, ["read", "--to", signed], input=dsn("x@dispatch.example"))
    assert result.output == "Recorded: bounced.\n"
    return batch.first_id


def shown(app: Flask, number: int, *options: str) -> str:
    return app.test_cli_runner().invoke(bounces, ["show", str(number), *options]).output


def test_the_report_can_be_looked_at(app: Flask, number: int) -> None:
    words = shown(app, number)
    assert words.startswith("bounced ")
    assert "Diagnostic-Code: smtp; 550 5.1.1" in words
    assert "550 5.1.1" in json.loads(shown(app, number, "--json"))["reports"][0]["text"]
    assert "Nothing was reported" in shown(app, number + 1)


def test_it_is_encrypted(db: Database, settings: Settings, number: int) -> None:
    with db.reading() as session:
        content = session.scalars(select(StoredReport.content)).one()
        assert ADDRESS.encode() not in content
        assert ADDRESS in stored_reports.reports_about(session, settings.suppression_key, number)[0].text
        other = stored_reports.reports_about(session, SuppressionKey("another key"), number)[0].text
    assert ADDRESS not in other
    if db.is_sqlite:
        files = list(Path(settings.data_dir).glob("newsletter.sqlite3*"))
        assert files
        assert not any(ADDRESS.encode() in path.read_bytes() for path in files)


def test_it_goes_after_thirty_days(db: Database, number: int) -> None:
    with clock.set_to(clock.now() + timedelta(days=29)), db.transaction() as session:
        stored_reports.delete_old_reports(session)
        assert session.query(StoredReport).count() == 1
    with clock.set_to(clock.now() + timedelta(days=31)), db.transaction() as session:
        stored_reports.delete_old_reports(session)
        assert session.query(StoredReport).count() == 0


def test_it_is_part_of_export_and_erasure(db: Database, settings: Settings, number: int) -> None:
    with db.transaction() as session:
        reader = session.get_one(Subscriber, number)
        exported = data_export.export_subscriber(session, settings.suppression_key, reader)
        assert "550 5.1.1" in exported["stored_reports"][0]["text"]
        erasure.erase_subscriber(session, settings.suppression_key, reader, by=READER)
        assert session.query(StoredReport).count() == 0


def test_sendgrids_event_is_kept_without_what_nobody_may_keep(
    app: Flask, db: Database, settings: Settings, number: int
) -> None:
    with db.transaction() as session:
        session.query(StoredReport).delete()
        assert webhook_deliveries.store_delivery(
            session, settings.suppression_key, body(hard_bounce("r1@readers.example", clock.now().timestamp()))
        )
    webhook_deliveries.process_deliveries(app.extensions["newsletter"])
    with db.reading() as session:
        (report,) = stored_reports.reports_about(session, settings.suppression_key, number)
    assert json.loads(report.text)["status"] == "5.1.1"
    assert not any(text in report.text for text in (IP, AGENT, "r1@readers.example"))


def test_a_report_of_strangers_does_nothing_to_a_terminal(
    app: Flask, db: Database, settings: Settings, number: int
) -> None:
    with db.transaction() as session:
        row = session.scalars(select(StoredReport)).one()
        sealed = stored_reports.seal_report(settings.suppression_key, b"a\x1b[2Jb\r\n\xe2\x80\xaec")
        row.content = stored_reports.content_of(sealed)
    assert "a·[2Jb\nc" in shown(app, number)
