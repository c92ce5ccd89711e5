"""Every choice ends up in the batches and in the mails: edition, language, format, hour, breaking news, pause."""

from __future__ import annotations

import email
from datetime import UTC, date, datetime, timedelta
from email import policy
from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, Edition
from newsletter.delivery.sending import draining
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, state_of

NOW = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)  # a Monday; 07:30 in Berlin, 14:30 in Tokyo
READERS = {
    "all": Preferences(),
    "text": Preferences(format="text"),
    "german": Preferences(language="de"),
    "german-text": Preferences(language="de", format="text"),
    "calm": Preferences(max_hype="Low hype"),
    "berlin-9": Preferences(hour=9, zone="Europe/Berlin"),
    "berlin-7": Preferences(hour=7, zone="Europe/Berlin"),  # that hour has begun
    "tokyo-9": Preferences(hour=9, zone="Asia/Tokyo"),
    "nothing": Preferences(sections=("Gardening",)),
    "daily": Preferences("daily"),
    "breaking": Preferences("monthly", breaking=True),
    "breaking-9": Preferences("daily", breaking=True, hour=9, zone="Europe/Berlin", language="de", format="text"),
    "paused": Preferences(breaking=True),
}


@pytest.fixture(autouse=True)
def house(app: Flask, db: Database) -> None:
    add_article(db, "A calm story", hype="Low hype")
    add_article(db, "A loud story", hype="High hype")
    with db.transaction() as session:
        import_rows(
            session, [ImportedReader(f"{name}@readers.example", preferences) for name, preferences in READERS.items()]
        )
        paused = session.scalars(select(Subscriber).where(Subscriber.address.startswith("paused@"))).one()
        paused.paused_until = date(2026, 5, 5)


def send(db: Database, settings: Settings, cadence: Cadence) -> int:
    with db.transaction() as session:
        digest_id = composing.compose_draft(session, Rule(cadence, since=date(2026, 1, 1))).id
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest_id)
    draining.drain(runtime())
    return digest_id


def planned(db: Database, digest_id: int) -> dict[str, tuple[int, str, str, datetime | None]]:
    """For each reader, what the batches say: articles, language, format and hour."""
    query = (
        select(Batch.recipients, Edition.mask, Edition.language, Edition.format, Batch.due_at, Batch.not_before)
        .join(Batch.edition)
        .where(Batch.digest_id == digest_id)
    )
    with db.reading() as session:
        names = {one.id: one.address.partition("@")[0] for one in session.scalars(select(Subscriber))}
        rows = session.execute(query).all()
    assert all(row.due_at == row.not_before for row in rows)
    found = [
        (names[i], (row.mask, row.language, row.format, row.due_at)) for row in rows for i in packing.unpack_ids(row[0])
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def letters(settings: Settings) -> dict[str, EmailMessage]:
    """The mails that arrived, by whose they are; each reader has one at most."""
    paths = list((settings.maildir / "new").iterdir())
    mails = [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    found = {str(mail["To"]).partition("@")[0]: mail for mail in mails}
    assert len(found) == len(mails)
    return found


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def test_a_weekly_letter(app: Flask, db: Database, settings: Settings) -> None:
    with clock.set_to(NOW):
        digest_id = send(db, settings, Cadence.WEEKLY)
        nine, tokyo = datetime(2026, 5, 4, 7, 0, tzinfo=UTC), datetime(2026, 5, 5, 0, 0, tzinfo=UTC)
        # Bit 0 is the newest article, the loud one.
        assert planned(db, digest_id) == {
            "all": (0b11, "en", "html", None),
            "text": (0b11, "en", "text", None),
            "german": (0b11, "de", "html", None),
            "german-text": (0b11, "de", "text", None),
            "calm": (0b10, "en", "html", None),
            "berlin-9": (0b11, "en", "html", nine),
            "berlin-7": (0b11, "en", "html", None),
            "tokyo-9": (0b11, "en", "html", tokyo),
            "nothing": (0, "en", "html", None),
        }
        at_once = {"all", "text", "german", "german-text", "calm", "berlin-7"}
        mails = letters(settings)
        assert set(mails) == at_once
        for name, mail in mails.items():
            assert (mail.get_body(("html",)) is None) == (READERS[name].format == "text")
            text = text_of(mail)
            assert ("A loud story" in text, "A calm story" in text) == (name != "calm", True)
            assert ("Wochenausgabe" in text) == (READERS[name].language == "de")
            assert ("Weekly letter" in text) == (READERS[name].language == "en")
        html = mails["german"].get_body(("html",))
        assert html is not None
        assert '<html lang="de"' in html.get_content()
        now = state_of(db, digest_id)
        assert (now.status, now.accepted, now.skipped, now.waiting) == ("sending", 6, 1, 2)
        assert (now.until_hour, now.last_hour) == (2, tokyo)
        for command in ("status", "show"):
            words = app.test_cli_runner().invoke(cli, ["digests", command, str(digest_id)]).output
            assert "2 wait for the hour that they chose, the last until 2026-05-05 00:00 UTC" in words
    with clock.set_to(nine - timedelta(seconds=1)):
        draining.drain(runtime())
        assert set(letters(settings)) == at_once
    with clock.set_to(nine):
        assert (state_of(db, digest_id).waiting, state_of(db, digest_id).until_hour) == (2, 1)
        draining.drain(runtime())
        assert set(letters(settings)) == at_once | {"berlin-9"}
        assert (state_of(db, digest_id).until_hour, state_of(db, digest_id).last_hour) == (1, tokyo)
    with clock.set_to(tokyo):
        draining.drain(runtime())
        assert set(letters(settings)) == at_once | {"berlin-9", "tokyo-9"}
        now = state_of(db, digest_id)
        assert (now.status, now.until_hour, now.last_hour) == ("sent", 0, None)


def test_breaking_news_goes_to_those_who_want_it_and_waits_for_no_hour(db: Database, settings: Settings) -> None:
    with clock.set_to(NOW):
        digest_id = send(db, settings, Cadence.BREAKING)
        assert planned(db, digest_id) == {
            "breaking": (0b11, "en", "html", None),
            "breaking-9": (0b11, "de", "text", None),
        }
        mails = letters(settings)
        assert set(mails) == {"breaking", "breaking-9"}
        assert "Breaking news · 4 May 2026" in text_of(mails["breaking"])
        assert "because you chose breaking news" in text_of(mails["breaking"])
        assert "Eilmeldung · 4. Mai 2026" in text_of(mails["breaking-9"])
        assert {str(mail["Subject"]) for mail in mails.values()} == {"Breaking news: A loud story"}


@pytest.mark.parametrize(
    ("day", "gets"), [(date(2026, 5, 3), True), (date(2026, 5, 4), True), (date(2026, 5, 5), False)]
)
def test_a_pause_lasts_until_its_day_in_the_publication_s_zone(
    db: Database, settings: Settings, day: date, gets: bool
) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber).where(Subscriber.address.startswith("paused@"))).one().paused_until = day
    with clock.set_to(NOW):
        digest_id = send(db, settings, Cadence.WEEKLY)
        assert ("paused" in planned(db, digest_id)) == gets
        assert ("paused" in letters(settings)) == gets


def test_a_letter_that_is_frozen_goes_by_what_was_chosen_before(db: Database, settings: Settings) -> None:
    """What a reader changes while it waits for an hour counts from the next one on."""
    with clock.set_to(NOW):
        digest_id = send(db, settings, Cadence.WEEKLY)
        with db.transaction() as session:
            reader = session.scalars(select(Subscriber).where(Subscriber.address.startswith("berlin-9@"))).one()
            reader.hour, reader.language = 20, "de"
    with clock.set_to(NOW + timedelta(hours=2)):
        draining.drain(runtime())
        assert "Weekly letter" in text_of(letters(settings)["berlin-9"])
        assert state_of(db, digest_id).until_hour == 1
