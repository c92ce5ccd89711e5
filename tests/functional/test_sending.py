"""Sending a frozen digest into a maildir, through the same function as a worker's job."""

from __future__ import annotations

import email
from collections import Counter
from email import policy
from email.message import EmailMessage
from pathlib import Path

from flask import Flask

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.status import digest_status
from newsletter.delivery.sending import draining
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from tests.factories import add_article, add_readers, send_digest


def mails(maildir: Path) -> list[EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((maildir / "new").iterdir())
    ]


def test_every_reader_gets_the_edition_of_their_preferences_once(app: Flask, db: Database, settings: Settings) -> None:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A research story", section="Research", trust=50)
    add_readers(db, 3)
    add_readers(db, 2, start=4, sections=["Research"])
    add_readers(db, 1, start=6, min_trust=60)
    add_readers(db, 1, start=7, sections=["Gardening"])
    digest_id = send_digest(db, settings)
    draining.drain(runtime())
    with db.reading() as session:
        state = digest_status(session, digest_id)
    assert (state.status, state.accepted, state.skipped, state.open) == ("sent", 6, 1, 0)
    found = {str(mail["To"]): mail.get_body(("plain",)).get_content() for mail in mails(settings.maildir)}  # type: ignore[union-attr]
    seen = {to: ("A policy story" in text, "A research story" in text) for to, text in found.items()}
    both, research, policy_only = (True, True), (False, True), (True, False)
    assert seen == {
        "r1@readers.example": both,
        "r2@readers.example": both,
        "r3@readers.example": both,
        "r4@readers.example": research,
        "r5@readers.example": research,
        "r6@readers.example": policy_only,
    }


def test_readers_who_unsubscribed_after_the_freeze_are_skipped(app: Flask, db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    digest_id = send_digest(db, settings)
    with db.transaction() as session:
        session.get_one(Subscriber, 2).status = SubscriberStatus.UNSUBSCRIBED
    draining.drain(runtime())
    with db.reading() as session:
        state = digest_status(session, digest_id)
    assert (state.accepted, state.skipped) == (2, 1)
    assert Counter(str(mail["To"]) for mail in mails(settings.maildir)) == {
        "r1@readers.example": 1,
        "r3@readers.example": 1,
    }


def test_an_article_edited_after_the_freeze_does_not_change_the_mail(
    app: Flask, db: Database, settings: Settings
) -> None:
    add_article(db, "A story", trust=69)
    add_readers(db, 1)
    send_digest(db, settings)
    add_article(db, "A story", trust=12)
    draining.drain(runtime())
    (mail,) = mails(settings.maildir)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Trust 69" in body.get_content()


def test_a_mail_has_every_header_that_mailbox_providers_want(app: Flask, db: Database, settings: Settings) -> None:
    add_article(db, "A story — with “quotes”, an umlaut ü and an emoji 🤖")
    add_readers(db, 1)
    send_digest(db, settings)
    draining.drain(runtime())
    (mail,) = mails(settings.maildir)
    with db.reading() as session:
        token = session.get_one(Subscriber, 1).token
    assert mail["Subject"] == "A story — with “quotes”, an umlaut ü and an emoji 🤖"
    assert mail["From"] == "Dispatch <letters@dispatch.example>"
    assert mail["Reply-To"] == "editors@dispatch.example"
    assert mail["List-ID"] == "Dispatch <letters.letters.example.org>"
    assert mail.get_all("List-Unsubscribe") == [f"<https://letters.example.org/unsubscribe/{token}>"]
    assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert mail["Message-ID"].endswith("@letters.example.org>")
    assert mail["Date"].datetime.tzinfo is not None
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    (path,) = (settings.maildir / "new").iterdir()
    assert all(len(line) <= 998 for line in path.read_bytes().split(b"\r\n"))
    assert path.read_bytes().isascii()
