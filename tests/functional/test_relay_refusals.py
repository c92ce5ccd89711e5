"""A mail server that refuses us, through the real SMTP transport: nobody is marked, and what waits goes out later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger.models import Refusal
from newsletter.delivery.sending import draining
from newsletter.digests.queries import get_digest
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.operations.transactional_sending import send_waiting_mails
from newsletter.subscribers.preferences import Preferences
from tests import factories
from tests.factories import add_article, add_readers, send_digest, state_of
from tests.services import editor
from tests.services.smtp_server import SmtpServer

CASES = json.loads((Path(__file__).parents[1] / "cases/smtp-answers-about-us/answers.json").read_text())
READERS = 8


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, server: SmtpServer) -> Settings:
    return replace(settings, mail_transport="smtp", smtp_url=server.url)


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings) -> int:
    add_article(db, "A story")
    add_readers(db, READERS)
    return send_digest(db, settings)


def address(reader: int) -> str:
    return f"r{reader}@readers.example"


@pytest.mark.parametrize("case", [case for case in CASES if "from_message" in case], ids=lambda case: case["name"])
def test_an_answer_about_us_pauses_the_digest_and_marks_nobody(
    db: Database, digest_id: int, server: SmtpServer, case: dict[str, Any]
) -> None:
    refused = range(case["from_message"], READERS + 1)
    if case["at"] == "RCPT":
        server.rcpt = {address(reader): case["answer"] for reader in refused}
    else:
        server.data.extend(["250 OK"] * (case["from_message"] - 1) + [case["answer"]] * len(refused))

    draining.drain(runtime())

    found = state_of(db, digest_id)
    assert (found.status, found.accepted, found.refused, found.waiting) == ("paused", 4, 0, 4)
    with db.reading() as session:
        note = get_digest(session, digest_id).paused_note
        assert session.scalars(select(Refusal)).all() == []
    assert case["answer"].split("\r\n")[-1].partition(" ")[2][:20].lstrip("45.") in str(note)

    server.rcpt, server.data = {}, type(server.data)()
    with db.transaction() as session:
        editor.resume(session, digest_id)
    draining.drain(runtime())
    assert (state_of(db, digest_id).status, state_of(db, digest_id).accepted) == ("sent", READERS)
    assert sorted(mail.recipient for mail in server.mails) == [address(reader) for reader in range(1, READERS + 1)]


def test_no_such_user_is_about_that_reader_alone(db: Database, digest_id: int, server: SmtpServer) -> None:
    server.rcpt = {"r4@readers.example": "550 5.1.1 No such user"}
    draining.drain(runtime())
    assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 1)
    with db.reading() as session:
        refusal = session.scalars(select(Refusal)).one()
    assert (refusal.subscriber_id, refusal.about, refusal.temporary) == (4, FailureKind.MAILBOX, False)


@pytest.mark.parametrize("answer", ["552 5.2.2 mailbox full", "550 5.2.2 over quota", "552 mailbox is full"])
def test_a_full_mailbox_is_tried_again(db: Database, digest_id: int, server: SmtpServer, answer: str) -> None:
    server.rcpt = {"r4@readers.example": answer}
    draining.drain(runtime())
    assert (state_of(db, digest_id).deferred, state_of(db, digest_id).refused) == (1, 0)


def test_words_that_nobody_has_listed_pause_it_too(db: Database, digest_id: int, server: SmtpServer) -> None:
    server.data.extend(["250 OK", *(f"554 Transaction failed, ref {number}x{number}" for number in range(9))])
    draining.drain(runtime())
    found = state_of(db, digest_id)
    assert (found.status, found.accepted, found.refused, found.waiting) == ("paused", 1, 0, 7)


@pytest.mark.parametrize(
    "answer", ["552 Message would take you over your relay quota of 500", "554 Transaction failed", "550 5.7.1 Blocked"]
)
def test_a_confirmation_waits_and_goes_later(
    app: Flask, db: Database, settings: Settings, server: SmtpServer, answer: str
) -> None:
    with db.transaction() as session:
        factories.sign_up(session, settings, "new@readers.example", Preferences())
    server.data.append(answer)
    send_waiting_mails(runtime())
    assert server.mails == []
    with clock.set_to(clock.now() + timedelta(hours=2)):
        send_waiting_mails(runtime())
    assert [mail.recipient for mail in server.mails] == ["new@readers.example"]


@pytest.mark.parametrize("answer", ["550 5.7.1 Rejected by policy", "554 5.7.1 Blocked, see http://mx.example/77"])
@pytest.mark.parametrize("reader", [1, 4, READERS])
def test_one_reader_s_server_that_never_wants_us_holds_up_nobody(
    db: Database, digest_id: int, server: SmtpServer, answer: str, reader: int
) -> None:
    server.rcpt = {address(reader): answer}
    draining.drain(runtime())
    assert state_of(db, digest_id).status == "paused"
    with db.transaction() as session:
        editor.resume(session, digest_id)
    draining.drain(runtime())
    assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", 1)
    assert len(server.mails) == READERS - 1
    with db.reading() as session:
        refusal = session.scalars(select(Refusal)).one()
    assert (refusal.subscriber_id, refusal.about) == (reader, FailureKind.US)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("answer", ["550 5.7.1 Rejected by policy", "554 Transaction failed", "550 5.7.1"])
def test_nobody_waits_behind_readers_in_a_row_whose_server_never_wants_us(
    db: Database, digest_id: int, server: SmtpServer, answer: str
) -> None:
    """They go last when it is resumed, and are refused once others have got theirs."""
    server.rcpt = {address(reader): answer for reader in range(2, 6)}
    draining.drain(runtime())
    for _ in range(4):
        if state_of(db, digest_id).status == "paused":
            with db.transaction() as session:
                editor.resume(session, digest_id)
            draining.drain(runtime())
    found = state_of(db, digest_id)
    assert (found.status, found.accepted, found.refused) == ("sent", READERS - 4, 4)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("answer", ["550 5.1.1 User unknown in local recipient table", "550 5.1.1", "550 No such user"])
def test_a_relay_that_knows_no_mailbox_at_all_pauses_the_digest(
    db: Database, settings: Settings, server: SmtpServer, answer: str, app: Flask
) -> None:
    add_article(db, "A story")
    add_readers(db, 40)
    digest_id = send_digest(db, settings)
    server.rcpt = {address(reader): answer for reader in range(11, 41)}
    draining.drain(runtime())
    found = state_of(db, digest_id)
    assert (found.status, found.accepted, found.refused, found.waiting) == ("paused", 10, 0, 30)
    with db.reading() as session:
        assert session.scalars(select(Refusal)).all() == []
        assert answer in str(get_digest(session, digest_id).paused_note)
    with db.transaction() as session:
        editor.resume(session, digest_id)
    draining.drain(runtime())
    found = state_of(db, digest_id)
    assert (found.status, found.refused) == ("sent", 30), "an editor has seen it: those mailboxes are not there"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_few_missing_mailboxes_in_a_row_are_about_these_readers(
    db: Database, digest_id: int, server: SmtpServer
) -> None:
    server.rcpt = {address(reader): "550 5.1.1 No such user" for reader in range(1, READERS)}
    draining.drain(runtime())
    assert (state_of(db, digest_id).status, state_of(db, digest_id).refused) == ("sent", READERS - 1)
