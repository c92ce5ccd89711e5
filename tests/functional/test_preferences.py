"""A reader's preferences: shown, changed, said in words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article


@pytest.fixture
def link(db: Database) -> str:
    """The preferences link of an active reader of two sections, one of which has no story any more."""
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org", Preferences("daily", ("Law", "Policy"), 65))])
        return f"/preferences/{session.scalars(select(Subscriber.token)).one()}"


def chosen(db: Database) -> tuple[str, list[str] | None, int]:
    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
        return reader.cadence, reader.sections, reader.min_trust


def test_the_page_shows_the_preferences_and_a_masked_address(client: FlaskClient, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "a•••@example.org" in page.text
    assert "ada@" not in page.text
    assert 'value="daily" checked' in page.text
    assert 'value="Law" checked' in page.text
    assert 'value="Policy" checked' in page.text
    assert 'value="Research">' in page.text
    assert '<option value="65" selected>65</option>' in page.text


@pytest.mark.parametrize(
    ("typed", "kept", "words"),
    [
        (
            {"cadence": "monthly", "which": "all", "min_trust": "0"},
            ("monthly", None, 0),
            "the monthly letter. It has stories from all sections.",
        ),
        (
            {"cadence": "weekly", "which": "only", "section": ["Research", "Law"], "min_trust": "90"},
            ("weekly", ["Law", "Research"], 90),
            "the weekly letter. It has stories from Law and Research. Its stories have a trust score of 90 or more.",
        ),
    ],
)
def test_saving_is_answered_in_words(
    client: FlaskClient, db: Database, link: str, typed: dict[str, str], kept: object, words: str
) -> None:
    page = client.post(link, data=typed)
    assert page.status_code == 200
    assert f"Saved. You get {words}" in " ".join(page.text.split())
    assert chosen(db) == kept
    assert "Saved" not in client.get(link).text


def test_every_preference_is_stored_and_shown_again(client: FlaskClient, db: Database, link: str) -> None:
    typed = {
        "cadence": "daily", "breaking": "1", "which": "only", "section": ["Policy"], "min_trust": "70",
        "max_hype": "Low hype", "hour": "7", "zone": "Europe/Berlin", "format": "text", "language": "de",
    }  # fmt: skip
    page = client.post(link, data=typed)
    assert (
        "Gespeichert. Sie bekommen die Tagesausgabe. Sie enthält Artikel aus Policy. Ihre Artikel haben einen "
        "Vertrauenswert von mindestens 70. Ihre Artikel sind höchstens mit „Wenig Hype“ gekennzeichnet. Sie kommt um "
        "07:00 Uhr (Europe/Berlin). Eilmeldungen kommen sofort. Die Mails sind reiner Text."
    ) in " ".join(page.text.split())
    with db.reading() as session:
        assert Preferences.of(session.scalars(select(Subscriber)).one()) == Preferences(
            "daily", ("Policy",), 70, "Low hype", True, 7, "Europe/Berlin", "text", "de"
        )
    shown = client.get(link).text
    for each in (
        'name="breaking" value="1" checked',
        '<option value="Low hype" selected>Wenig Hype</option>',
        '<option value="7" selected>07:00</option>',
        '<option value="Europe/Berlin" selected>Berlin</option>',
        'value="text" checked',
        '<option value="de" lang="de" selected>Deutsch</option>',
    ):
        assert each in shown
    client.post(link, data={"cadence": "daily", "which": "all", "min_trust": "0"})
    with db.reading() as session:
        assert Preferences.of(session.scalars(select(Subscriber)).one()) == Preferences("daily")


def test_another_name_of_a_zone_is_accepted_and_shown(client: FlaskClient, link: str) -> None:
    """Browsers say "Asia/Calcutta" where the list has "Asia/Kolkata"."""
    page = client.post(link, data={"hour": "7", "zone": "Asia/Calcutta"})
    assert page.status_code == 200
    assert "<option selected>Asia/Calcutta</option>" in page.text


def test_a_zone_without_an_hour_is_not_stored(client: FlaskClient, db: Database, link: str) -> None:
    """The browser preselects one."""
    assert client.post(link, data={"hour": "", "zone": "Europe/Berlin"}).status_code == 200
    with db.reading() as session:
        assert session.scalars(select(Subscriber)).one().zone is None


@pytest.mark.parametrize(
    "typed",
    [
        {"cadence": "hourly"},
        {"cadence": "weekly", "min_trust": "1000"},
        {"cadence": "weekly", "which": "only"},
        {"cadence": "weekly", "which": "only", "section": "Sports"},
        {"max_hype": "Enormous hype"},
        {"hour": "7"},
        {"hour": "24", "zone": "Europe/Berlin"},
        {"hour": "7", "zone": "Europe/Atlantis"},
        {"format": "pdf"},
        {"language": "tlh"},
    ],
)
def test_an_error_changes_nothing(client: FlaskClient, db: Database, link: str, typed: dict[str, str]) -> None:
    page = client.post(link, data=typed)
    assert page.status_code == 422
    assert "There is a problem:" in page.text
    assert chosen(db) == ("daily", ["Law", "Policy"], 65)


def test_another_site_cannot_change_them(client: FlaskClient, db: Database, link: str) -> None:
    answer = client.post(link, data={"cadence": "monthly"}, headers={"Sec-Fetch-Site": "same-site"})
    assert answer.status_code == 403
    assert chosen(db)[0] == "daily"


def test_an_unsubscribed_reader_has_no_preferences_to_change(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber)).one().status = SubscriberStatus.UNSUBSCRIBED
    assert "You are not subscribed" in client.get(link).text
    assert client.post(link, data={"cadence": "monthly"}).status_code == 409
    assert chosen(db)[0] == "daily"


NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def scheduled(db: Database, settings: Settings, link: str) -> str:
    """The link, and two daily digests of both stories that are scheduled for tomorrow and the day after, 05:30 UTC."""
    with clock.set_to(NOW):
        for days in (1, 2):
            at = NOW.replace(hour=5, minute=30) + timedelta(days=days)
            with db.transaction() as session:
                rule = Rule(Cadence.DAILY, since=date(2026, 1, 1))
                scheduling.schedule_digest(
                    session, settings, composing.compose_draft(session, rule).id, at, by=OPERATOR
                )
    return link


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"cadence": "daily"}, "The next letter comes on 5 May 2026 at 05:30 (UTC)."),
        (
            {"cadence": "daily", "hour": "9", "zone": "Europe/Berlin"},
            "The next letter comes on 5 May 2026 at 09:00 (Europe/Berlin).",
        ),
        (  # the hour has passed when the digest goes out
            {"cadence": "daily", "hour": "7", "zone": "Asia/Tokyo"},
            "The next letter comes on 6 May 2026 at 07:00 (Asia/Tokyo).",
        ),
        ({"cadence": "weekly"}, None),
        ({"cadence": "daily", "min_trust": "90"}, None),  # nothing in it would fit
    ],
)
def test_the_answer_says_when_the_next_digest_comes(
    client: FlaskClient, scheduled: str, typed: dict[str, str], words: str | None
) -> None:
    with clock.set_to(NOW):
        text = client.post(scheduled, data=typed).text
        assert (words in text) if words else ("The next letter" not in text)
        assert text.count("The next letter") == (1 if words else 0)
        assert client.get(scheduled).text.count("The next letter") == (1 if words else 0)


def test_a_pause_is_said_kept_and_ended(client: FlaskClient, db: Database, scheduled: str) -> None:
    def until() -> date | None:
        with db.reading() as session:
            return session.scalars(select(Subscriber)).one().paused_until

    with clock.set_to(NOW):
        page = client.post(f"{scheduled}/pause", data={"until": "2026-05-06"})
        assert "Paused until 6 May 2026. The next letter comes on 6 May 2026 at 05:30" in " ".join(page.text.split())
        assert until() == date(2026, 5, 6)
        page = client.get(scheduled)
        assert "are paused until 6 May 2026" in page.text
        assert "End the pause now" in page.text
        page = client.post(scheduled, data={"cadence": "daily"})
        assert until() == date(2026, 5, 6)  # other preferences leave it alone
        page = client.post(f"{scheduled}/pause", data={"end": "1"})
        assert "The pause is over. You get letters again. The next letter comes on 5 May 2026" in " ".join(
            page.text.split()
        )
        assert until() is None
    with clock.set_to(NOW):
        client.post(f"{scheduled}/pause", data={"until": "2026-05-06"})
    with clock.set_to(NOW + timedelta(days=2)):
        assert "End the pause" not in client.get(scheduled).text  # it is over by itself


@pytest.mark.parametrize("day", ["", "2026-05-04", "2025-12-31", "2027-06-01", "tomorrow", "9999-12-31", "2026-02-30"])
def test_a_wrong_pause_changes_nothing(client: FlaskClient, db: Database, link: str, day: str) -> None:
    with clock.set_to(NOW):
        page = client.post(f"{link}/pause", data={"until": day})
    assert page.status_code == 422
    assert 'id="until-error"' in page.text
    with db.reading() as session:
        assert session.scalars(select(Subscriber)).one().paused_until is None


def test_the_script_is_optional_ours_and_small(client: FlaskClient, link: str) -> None:
    page = client.get(link)
    (source,) = re.findall(r'<script src="([^"]+)" defer></script>', page.text)
    script = client.get(source)
    assert script.mimetype == "text/javascript"
    assert len(script.data) < 1000
    assert page.headers["Content-Security-Policy"].endswith("; script-src 'self'")
    assert "script-src" not in client.get("/").headers["Content-Security-Policy"]
