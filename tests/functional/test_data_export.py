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
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.delivery.events import stored_reports
from newsletter.delivery.events.models import Event, StoredReport
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.reports import reader_history
from newsletter.digests import scheduling
from newsletter.mail import outgoing_mails
from newsletter.mail.models import OutgoingMail
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.migrations.tables import metadata
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import data_export
from newsletter.privacy.reader_tables import READER_TABLES, Erasure
from newsletter.subscribers import preferences
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.mail_payloads import OneTimeLinkMail
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    LinkPurpose,
    OneTimeLink,
    PastSubscription,
    SignupRequest,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
    Unsuppression,
)
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_digest, add_readers, send_digest

MOMENT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def reader(db: Database, number: int = 2) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address == f"r{number}@readers.example")).one()


def data_page(db: Database, settings: Settings, number: int = 2) -> str:
    return f"/data/{one_time_links.link_token(settings.signing_keys, reader(db, number), LinkPurpose.DATA)}"


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
                    requested_at=MOMENT,
                    confirmed_at=MOMENT,
                ),
                AddressChange(subscriber_id=mine.id, address="next@example.org", address_key="next@example.org"),
                SignupRequest(address="r2@readers.example", address_key=key, preferences={}, page="/", wording="Again"),
                OneTimeLink(subscriber_id=mine.id, purpose=LinkPurpose.DATA, requested_at=MOMENT),
                Unsuppression(
                    key_hash=suppressions.suppression_hash(settings.suppression_key, key),
                    reason="bounced",
                    why="It was our fault",
                ),
                PastSubscription(
                    key_hash=suppressions.suppression_hash(settings.suppression_key, key),
                    token_hash=b"t" * 32,
                    ended_as="unsubscribed",
                    ended_at=MOMENT,
                ),
                Event(
                    subscriber_id=mine.id,
                    digest_id=digest,
                    kind="soft_bounced",
                    dedupe_key=f"digest {digest}",
                    reason="452 mailbox full",
                    occurred_at=MOMENT,
                ),
                StoredReport(
                    subscriber_id=mine.id,
                    kind="soft_bounced",
                    dedupe_key=f"digest {digest}",
                    content=stored_reports.content_of(stored_reports.seal_report(settings.suppression_key, b"full")),
                ),
            ]
        )
        outgoing_mails.add_mail(session, OneTimeLinkMail(LinkPurpose.DATA), subscriber_id=mine.id)
        suppressions.suppress(session, settings.suppression_key, key, SuppressionReason.UNSUBSCRIBED)


def test_the_button_mails_a_link_and_answers_alike_the_second_time(client: FlaskClient, db: Database) -> None:
    add_readers(db, 3)
    link = f"/data-link/{reader(db).token}"
    assert "<button>Email me a link to my data</button>" in client.get(link).text
    first = client.post(link)
    assert "We sent a link to your data to <strong>r•••@readers.example</strong>" in first.text
    assert client.post(link).text == first.text
    with db.reading() as session:
        [row] = session.scalars(select(OutgoingMail))
        assert (row.subscriber_id, row.payload) == (reader(db).id, {"purpose": "data"})


def test_a_reader_who_takes_no_mail_is_told_another_way(client: FlaskClient, db: Database) -> None:
    add_readers(db, 3)
    link = f"/data-link/{reader(db).token}"
    with db.transaction() as session:
        session.get_one(Subscriber, reader(db).id).status = SubscriberStatus.BOUNCED
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
    assert kept["suppression"]["reason"] == "unsubscribed"
    assert [mail["kind"] for mail in kept["waiting_mails"]] == ["one_time_link"]


def test_no_column_and_no_table_is_missing(db: Database, settings: Settings, full: None) -> None:
    with db.reading() as session:
        exported = data_export.export_subscriber(session, settings.suppression_key, reader(db))
    assert set(exported["reader"]) | set(exported["preferences"]) == set(table_of(Subscriber).columns.keys())
    assert set(exported["preferences"]) >= set(preferences.PREFERENCE_COLUMNS)
    names = {table.name for table in READER_TABLES} | {"letters", "suppression", "waiting_mails"}
    # These are "reader", "suppression", the reasons of "letters", and "waiting_mails".
    names -= {"subscribers", "suppressions", "refusals", "outgoing_mail"}
    assert all(exported[name] for name in names)


def test_the_list_of_tables_is_the_schema_s() -> None:
    columns = {"subscriber_id", "address", "address_key", "key_hash"}
    about_readers = {table.name for table in metadata.sorted_tables if columns & set(table.columns.keys())}
    assert about_readers == {table.name for table in READER_TABLES}
    for table in READER_TABLES:
        keys = metadata.tables[table.name].foreign_keys
        goes_with_reader = any(key.column.table.name == "subscribers" and key.ondelete == "CASCADE" for key in keys)
        assert goes_with_reader == (table.erasure is Erasure.CASCADE), table.name


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


CHOSEN = Preferences(
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
        (Preferences(), "Weekly No All Any Any As soon as it is out Not chosen With headings and colours English"),
        (CHOSEN, "Daily Yes Policy and Research 70 Low hype 07:00 Europe/Berlin Plain text German"),
    ],
)
def test_preferences_stand_there_in_words(
    client: FlaskClient, db: Database, settings: Settings, chosen: Preferences, values: str
) -> None:
    add_readers(db, 2)
    with db.transaction() as session:
        preferences.set_preferences(session.get_one(Subscriber, reader(db).id), chosen)
    page = client.get(data_page(db, settings) + "?language=en").text
    shown = re.findall(r"<dd>(.*?)</dd>", page.partition("Your preferences")[2].partition("</dl>")[0])
    assert " ".join(shown) == f"{values} No pause"
    assert len(shown) == len(preferences.PREFERENCE_COLUMNS) + 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (SubscriberStatus.ACTIVE, "You get the weekly letter"),
        (SubscriberStatus.UNSUBSCRIBED, "They apply if you subscribe again."),
    ],
)
def test_it_says_whether_letters_are_sent(
    client: FlaskClient, db: Database, settings: Settings, status: SubscriberStatus, words: str
) -> None:
    add_readers(db, 2)
    with db.transaction() as session:
        session.get_one(Subscriber, reader(db).id).status = status
    assert f"<p>{words}" in client.get(data_page(db, settings)).text


def test_every_kind_of_mail_that_waits_has_words(client: FlaskClient, db: Database, settings: Settings) -> None:
    add_readers(db, 2)
    not_theirs = {"erased", "thank_you", "staff_link"}  # to readers of whom nothing is kept, or to others
    kinds = MAIL_TYPES.keys() - not_theirs
    with db.transaction() as session:
        session.add_all(OutgoingMail(kind=kind, subscriber_id=reader(db).id, payload={}) for kind in kinds)
    page = client.get(data_page(db, settings))
    assert page.text.count("Email about to be sent") == len(kinds)


def test_the_history_has_the_reader_s_own_digests(db: Database, settings: Settings, digest: int) -> None:
    add_readers(db, 1, start=4)
    later = send_digest(db, settings)
    with db.reading() as session:
        found: dict[int, list[tuple[Any, ...]]] = {
            number: [
                (sent.digest_id, sent.outcome)
                for sent in reader_history.digests_sent_to(session, reader(db, number).id)
            ]
            for number in (1, 2, 4)
        }
        assert reader_history.digests_sent_to(session, 10**9) == []
    assert found == {
        1: [(later, "waiting"), (digest, "accepted")],
        2: [(later, "waiting"), (digest, "refused")],
        4: [(later, "waiting")],
    }


def test_each_reader_is_shown_the_subject_of_their_own_edition(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A safety story", section="Safety", trust=70)
    add_readers(db, 1)
    add_readers(db, 1, start=2, sections=["Safety"])
    add_readers(db, 1, start=3, sections=["Gardening"])
    add_digest(db, subject="Policy, and more")
    with db.transaction() as session:
        scheduling.send_now(session, settings, 1, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, 1)
    with db.reading() as session:
        shown = {
            number: [sent.subject for sent in reader_history.digests_sent_to(session, reader(db, number).id)]
            for number in (1, 2, 3)
        }
    # The third got no mail: no article was left.
    assert shown == {1: ["Policy, and more"], 2: ["A safety story"], 3: ["Policy, and more"]}
    page = client.get(data_page(db, settings, 2)).text
    assert "A safety story" in page
    assert "Policy, and more" not in page
