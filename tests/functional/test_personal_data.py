"""A reader's data: mailed a link to, shown whole, taken along as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.delivery import history, personal
from newsletter.delivery.events.models import Event
from newsletter.delivery.models import Batch, Refusal
from newsletter.mail import outgoing
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.migrations.tables import metadata
from newsletter.subscribers import choices, fresh, mails, suppressions
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.fresh import Kind
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    FreshLink,
    LiftedSuppression,
    Reason,
    SignupRequest,
    Status,
    Subscriber,
)
from tests.factories import add_article, add_readers, send_digest

MOMENT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def reader(db: Database, number: int = 2) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address == f"r{number}@readers.example")).one()


def data_page(db: Database, settings: Settings, number: int = 2) -> str:
    return f"/data/{fresh.token(settings.signing_keys, reader(db, number), Kind.DATA)}"


@pytest.fixture
def digest(db: Database, settings: Settings) -> int:
    """A digest on its way to three readers; the second one's letter was refused."""
    add_article(db, "One")
    add_readers(db, 3)
    digest = send_digest(db, settings)
    with db.transaction() as session:
        session.scalars(select(Batch)).one().outcomes = bytes([ACCEPTED, REFUSED, ACCEPTED])
        session.add(
            Refusal(digest_id=digest, subscriber_id=reader(db).id, reason="550 no such mailbox", temporary=False)
        )
    return digest


@pytest.fixture
def full(db: Database, settings: Settings, digest: int) -> None:
    """Something of the second reader in every table."""
    with db.transaction() as session:
        mine = reader(db)
        key = mine.address_key
        session.add_all(
            [
                Consent(
                    subscriber_id=mine.id,
                    wording="Send me <the> letter",
                    page="/subscribe",
                    asked_at=MOMENT,
                    confirmed_at=MOMENT,
                ),
                AddressChange(subscriber_id=mine.id, address="next@example.org", address_key="next@example.org"),
                SignupRequest(address="r2@readers.example", address_key=key, choices={}, page="/", wording="Again"),
                FreshLink(subscriber_id=mine.id, kind="data", asked_at=MOMENT),
                LiftedSuppression(
                    key_hash=suppressions.hashed(settings.suppression_key, key),
                    reason="bounced",
                    why="It was our fault",
                ),
                Event(
                    subscriber_id=mine.id,
                    digest_id=digest,
                    kind="soft_bounced",
                    occasion=f"digest {digest}",
                    reason="452 mailbox full",
                    occurred_at=MOMENT,
                ),
            ]
        )
        outgoing.put(session, "fresh_link", {"subscriber": mine.id, "kind": "data"})
        suppressions.suppress(session, settings.suppression_key, key, Reason.LEFT)


def test_the_button_mails_a_link_and_answers_alike_the_second_time(client: FlaskClient, db: Database) -> None:
    add_readers(db, 3)
    link = f"/data-link/{reader(db).token}"
    assert "<button>Mail me a link to my data</button>" in client.get(link).text
    first = client.post(link)
    assert "We sent a link to <strong>r•••@readers.example</strong>" in first.text
    assert client.post(link).text == first.text
    with db.reading() as session:
        assert [row.payload for row in session.scalars(select(OutgoingMail))] == [
            {"subscriber": reader(db).id, "kind": "data"}
        ]


def test_who_takes_no_mail_is_told_another_way(client: FlaskClient, db: Database) -> None:
    add_readers(db, 3)
    link = f"/data-link/{reader(db).token}"
    with db.transaction() as session:
        session.get_one(Subscriber, reader(db).id).status = Status.BOUNCED
    for answer in (client.get(link), client.post(link)):
        assert "editors@dispatch.example" in answer.text
        assert "<button>" not in answer.text
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail)).all() == []


def test_everything_is_shown_and_downloaded(
    client: FlaskClient, db: Database, settings: Settings, digest: int, full: None
) -> None:
    page = client.get(data_page(db, settings)).text
    for words in (
        "r2@readers.example",
        "next@example.org",
        "Send me &lt;the&gt; letter",
        "550 no such mailbox",
        "452 mailbox full",
        "24 November 2026 at 06:00 (UTC)",
        reader(db).token,
    ):
        assert words in page
    for other in ("r1@", "r3@"):
        assert other not in page
    answer = client.get(data_page(db, settings) + "/download")
    assert answer.headers["Content-Disposition"] == "attachment; filename=my-newsletter-data.json"
    assert answer.headers["Cache-Control"] == "no-store"
    kept = json.loads(answer.text)
    assert kept["reader"]["address"] == "r2@readers.example"
    assert kept["letters"] == [
        {
            "digest_id": digest,
            "subject": kept["letters"][0]["subject"],
            "at": kept["letters"][0]["at"],
            "outcome": "refused",
            "reason": "550 no such mailbox",
        }
    ]
    assert kept["suppression"]["reason"] == "left"
    assert [mail["kind"] for mail in kept["waiting_mails"]] == ["fresh_link"]


def test_no_column_and_no_table_is_missing(db: Database, settings: Settings, full: None) -> None:
    with db.reading() as session:
        kept = personal.everything(session, settings.suppression_key, reader(db))
    assert set(kept["reader"]) | set(kept["choices"]) == set(table_of(Subscriber).columns.keys())
    assert set(kept["choices"]) >= set(choices.NAMES)
    shown = {"consents", "signup_requests", "address_changes", "fresh_links", "events", "lifted_suppressions"}
    assert all(kept[name] for name in (*shown, "letters", "suppression", "waiting_mails"))
    about_readers = {
        table.name
        for table in metadata.sorted_tables
        if {"subscriber_id", "address", "address_key", "key_hash"} & set(table.columns.keys())
    }
    elsewhere = {"subscribers", "suppressions", "refusals"}  # "reader", "suppression", and the reasons of "letters"
    assert about_readers == shown | elsewhere


def test_a_letter_s_link_is_not_enough(client: FlaskClient, db: Database, settings: Settings, full: None) -> None:
    token = reader(db).token
    for path in (f"/data/{token}", f"/data/{token}/download"):
        assert client.get(path).status_code == 404
    assert client.post(f"/data/{token}/erase").status_code == 404
    for page in ("preferences", "unsubscribe", "data-link"):
        assert "r2@readers.example" not in client.get(f"/{page}/{token}").text
    link = data_page(db, settings)
    with clock.set_to(clock.now() + timedelta(hours=25)):
        assert client.get(link).status_code == 404


CHOSEN = Choices(
    "daily",
    ("Policy", "Research"),
    70,
    "Low hype",
    breaking=True,
    hour=7,
    zone="Europe/Berlin",
    format="text",
    language="de",
)


@pytest.mark.parametrize(
    ("chosen", "values"),
    [
        (Choices(), "weekly no all any any as soon as it is out not chosen with headings and colours English"),
        (CHOSEN, "daily yes Policy, Research 70 Low hype 07:00 Europe/Berlin plain text German"),
    ],
)
def test_choices_stand_there_in_words(
    client: FlaskClient, db: Database, settings: Settings, chosen: Choices, values: str
) -> None:
    add_readers(db, 2)
    with db.transaction() as session:
        choices.change(session.get_one(Subscriber, reader(db).id), chosen)
    page = client.get(data_page(db, settings)).text
    shown = re.findall(r"<dd>(.*?)</dd>", page.partition("Your choices")[2].partition("</dl>")[0])
    assert " ".join(shown) == f"{values} no pause"
    assert len(shown) == len(choices.NAMES) + 1


@pytest.mark.parametrize(
    ("status", "words"), [(Status.ACTIVE, "You get the"), (Status.LEFT, "If a letter came, you would get the")]
)
def test_it_says_nobody_gets_a_letter_who_does_not(
    client: FlaskClient, db: Database, settings: Settings, status: Status, words: str
) -> None:
    add_readers(db, 2)
    with db.transaction() as session:
        session.get_one(Subscriber, reader(db).id).status = status
    assert f"<p>{words} weekly letter" in client.get(data_page(db, settings)).text


def test_every_kind_of_mail_that_waits_has_words(client: FlaskClient, db: Database, settings: Settings) -> None:
    add_readers(db, 2)
    kinds = mails.COMPOSERS.keys() - {"erased"}  # of whom nothing is kept any more
    with db.transaction() as session:
        for kind in kinds:
            outgoing.put(session, kind, {"subscriber": reader(db).id})
    page = client.get(data_page(db, settings))
    assert page.text.count("Mail about to be sent") == len(kinds)


def test_the_history_has_the_reader_s_own_digests(db: Database, settings: Settings, digest: int) -> None:
    add_readers(db, 1, start=4)
    later = send_digest(db, settings)
    with db.reading() as session:
        found: dict[int, list[tuple[Any, ...]]] = {
            number: [(sent.digest_id, sent.outcome) for sent in history.sent_to(session, reader(db, number).id)]
            for number in (1, 2, 4)
        }
        assert history.sent_to(session, 10**9) == []
    assert found == {
        1: [(later, "waiting"), (digest, "accepted")],
        2: [(later, "waiting"), (digest, "refused")],
        4: [(later, "waiting")],
    }
