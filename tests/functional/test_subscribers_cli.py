"""`newsletter subscribers show|erase|unsubscribed`: what the operator does for one reader."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli import cli
from newsletter.cli.subscribers.reader import subscribers
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import NotFoundError
from newsletter.core.ids import AddressKey
from newsletter.core.runtime import runtime
from newsletter.mail.models import OutgoingMail
from newsletter.operations import transactional_sending
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason, UnsubscribeReason
from newsletter.subscribers.suppression import suppressions

ADA = "Ada@example.org"
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, db: Database) -> Run:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA), ImportedReader("bob@example.org")])
    runner = app.test_cli_runner()
    return lambda *args, **more: runner.invoke(subscribers, args, **more)


def addresses(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Subscriber.address).order_by(Subscriber.id)))


def test_show_masks_the_address_and_json_has_everything(run: Run) -> None:
    words = run("show", " ada@EXAMPLE.org").stdout
    assert words.startswith("A•••@example.org, number 1: active")
    assert "da@" not in words
    kept = json.loads(run("show", ADA, "--json").stdout)
    assert kept["reader"]["address"] == ADA
    assert set(kept) >= {"preferences", "consents", "events", "letters", "suppression"}


def test_an_address_can_be_typed_where_nobody_else_sees_it(run: Run, db: Database) -> None:
    assert run("show", "-", input=f"{ADA}\n").stdout.startswith("A•••@example.org, number 1: active")
    assert run("erase", "-", input=f"{ADA}\ny\n").exit_code == 0
    assert addresses(db) == ["bob@example.org"]
    assert run("show", "-", input="").exit_code != 0


def test_erase_asks_first(run: Run, db: Database) -> None:
    for answer in ("n\n", ""):
        assert run("erase", ADA, input=answer).exit_code == 1
    assert addresses(db) == [ADA, "bob@example.org"]
    result = run("erase", ADA, input="y\n")
    assert result.exit_code == 0
    assert ADA not in result.output
    assert addresses(db) == ["bob@example.org"]


def test_erase_leaves_the_hash_and_a_last_mail(run: Run, db: Database, settings: Settings) -> None:
    assert json.loads(run("erase", ADA, "--yes", "--json").stdout) == {"id": 1, "erased": True, "mailed": True}
    with db.reading() as session:
        assert (
            suppressions.reason_for(session, settings.suppression_key, AddressKey(ADA.lower()))
            == SuppressionReason.ERASED
        )
        assert [mail.kind for mail in session.scalars(select(OutgoingMail))] == ["erased"]
    again = run("erase", ADA, "--yes")
    assert isinstance(again.exception, NotFoundError)
    assert str(again.exception) == "No reader has this address. It must not be mailed: erased."


def test_an_address_that_takes_no_mail_gets_none(run: Run, db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber).where(Subscriber.address == ADA)).one().status = SubscriberStatus.COMPLAINED
    assert json.loads(run("erase", ADA, "--yes", "--json").stdout)["mailed"] is False
    with db.reading() as session:
        assert len(session.scalars(select(OutgoingMail)).all()) == 1  # the worker has yet to clean the file
    transactional_sending.send_waiting_mails(runtime())
    assert not list(settings.maildir.glob("new/*"))
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail)).all() == []


def test_unsubscribed_readers_are_counted_by_reason(run: Run, db: Database) -> None:
    with db.transaction() as session:
        ada, bob = session.scalars(select(Subscriber).order_by(Subscriber.id))
        for reader, reason in ((ada, UnsubscribeReason.OFTEN), (bob, None)):
            reader.status, reader.unsubscribed_at, reader.unsubscribe_reason = (
                SubscriberStatus.UNSUBSCRIBED,
                clock.now(),
                reason,
            )
    assert json.loads(run("unsubscribed", "--json").stdout) == {
        "days": 30,
        "unsubscribed": 2,
        "often": 1,
        "content": 0,
        "trust": 0,
        "other": 0,
        "said_nothing": 1,
    }
    assert run("unsubscribed").stdout.startswith("2 unsubscribed in the last 30 days.")


def test_the_commands_are_at_home_in_the_group() -> None:
    assert {"import", "show", "erase", "unsubscribed"} <= set(cli.commands["subscribers"].commands)  # type: ignore[attr-defined]
