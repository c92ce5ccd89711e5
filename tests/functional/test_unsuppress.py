"""`newsletter subscribers unsuppress`: the way back that only an operator can open."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.actors import PROVIDER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.subscribers import reported_ends
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason, Unsuppression
from newsletter.subscribers.reported_ends import End
from newsletter.subscribers.signup import confirmation_links
from newsletter.subscribers.suppression import suppressions
from tests.factories import sign_up

ADA = AddressKey("ada@example.org")


def unsuppress(app: Flask, *arguments: str) -> Result:
    command = cli.get_command(None, "subscribers")  # type: ignore[arg-type]
    assert command is not None
    return app.test_cli_runner().invoke(command, ["unsuppress", *arguments])


def suppress(db: Database, settings: Settings, reason: SuppressionReason) -> None:
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, ADA, reason)


@pytest.mark.parametrize("reason", SuppressionReason)
def test_it_ends_any_suppression_and_keeps_why(
    app: Flask, db: Database, settings: Settings, reason: SuppressionReason
) -> None:
    suppress(db, settings, reason)
    result = unsuppress(app, "ADA@Example.org", "--reason", " She wrote  to us ", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"was_suppressed_for": reason}
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, ADA)
        kept = session.scalars(select(Unsuppression)).one()
        assert (kept.reason, kept.why) == (reason, "She wrote to us")
        assert kept.key_hash == suppressions.suppression_hash(settings.suppression_key, ADA)


@pytest.mark.parametrize("status", [SubscriberStatus.COMPLAINED, SubscriberStatus.BOUNCED])
def test_it_brings_no_letter_but_a_sign_up_may_be_confirmed(
    app: Flask, client: FlaskClient, db: Database, settings: Settings, status: SubscriberStatus
) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        session.scalars(select(Subscriber)).one().status = status
    suppress(db, settings, SuppressionReason(status))
    with db.transaction() as session:
        assert sign_up(session, settings, ADA) is None
    assert unsuppress(app, ADA, "--reason", "She wrote to us").exit_code == 0
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber)).one()
        assert reader.status == (SubscriberStatus.UNSUBSCRIBED if status == SubscriberStatus.COMPLAINED else status)
        assert (reader.unsubscribed_at is None) == (status == SubscriberStatus.BOUNCED)
        old = confirmation_links.confirmation_token(settings.signing_keys, reader)
    if status == SubscriberStatus.COMPLAINED:
        assert client.post(f"/confirm/{old}").status_code == 409, "only a new sign-up brings a reader back"
    with db.transaction() as session:
        assert sign_up(session, settings, ADA) is not None
        token = confirmation_links.confirmation_token(settings.signing_keys, session.scalars(select(Subscriber)).one())
    assert client.post(f"/confirm/{token}").status_code == 200


def test_a_bounced_reader_does_not_become_one_who_unsubscribed(
    app: Flask, client: FlaskClient, db: Database, settings: Settings
) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        reader = session.scalars(select(Subscriber)).one()
        reported_ends.end(
            session, settings.suppression_key, [End(reader, SuppressionReason.BOUNCED, clock.now())], by=PROVIDER
        )
    assert unsuppress(app, ADA, "--reason", "The mailbox is there").exit_code == 0
    with db.reading() as session:
        assert unsubscribing.reason_counts(session, clock.now() - timedelta(days=1)).total() == 0
        assert session.scalars(select(Subscriber.status)).one() == SubscriberStatus.BOUNCED
    with db.transaction() as session:
        assert import_rows(session, [ImportedReader(ADA)]).imported == 0


@pytest.mark.parametrize("why", ["", "  ", "x" * 501, "a\x00b"])
def test_a_reason_is_needed(app: Flask, db: Database, settings: Settings, why: str) -> None:
    suppress(db, settings, SuppressionReason.COMPLAINED)
    result = unsuppress(app, ADA, "--reason", why)
    assert result.exit_code != 0
    with db.reading() as session:
        assert suppressions.is_suppressed(session, settings.suppression_key, ADA)
    assert unsuppress(app, ADA).exit_code == 2


def test_an_address_that_is_not_suppressed_or_none_is_an_error(app: Flask, db: Database) -> None:
    for address in ("nobody@example.org", "nonsense"):
        assert unsuppress(app, address, "--reason", "x").exit_code != 0
    with db.reading() as session:
        assert session.scalars(select(Unsuppression)).all() == []
