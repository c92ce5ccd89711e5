"""Scheduling at the desk: times in their zones; what is no one moment, or over, is said before it is saved."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.preferences import Preferences
from newsletter.web.desk.schedule_form import ScheduleForm, checked_form, in_zones
from tests.factories import add_article, add_digest
from tests.services import desk
from tests.services.desk import DeskClient

NOW = datetime(2026, 5, 6, 15, 42, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, timezone=ZoneInfo("Europe/Lisbon"))


@pytest.fixture
def digest(db: Database) -> int:
    add_article(db, "A story")
    return add_digest(db)


def time_of(db: Database, digest: int) -> datetime | None:
    with db.reading() as session:
        return get_digest(session, digest).scheduled_at


def form(day: str, time: str, zone: str, **more: str) -> dict[str, str]:
    return {"day": day, "time": time, "zone": zone, **more}


def test_a_time_in_a_named_zone_is_shown_in_all(db: Database, editor: DeskClient, digest: int) -> None:
    day = (clock.now() + timedelta(days=30)).replace(month=7, day=7, year=clock.now().year + 1)
    data = form(f"{day:%Y}-07-07", "07:00", "Europe/Lisbon", own_zone="Europe/Berlin")
    shown = editor.get(f"/desk/digests/{digest}/schedule/times", query_string=data).text
    assert re.findall(r"<span>([^<]*)</span><b>([^<]*)</b>", shown) == [
        ("Publication, Europe/Lisbon", "07:00"),
        ("You, Europe/Berlin", "08:00"),
        ("UTC", "06:00"),
    ]
    assert time_of(db, digest) is None
    assert editor.post(f"/desk/digests/{digest}/schedule", data).status_code == 303
    assert time_of(db, digest) == datetime(day.year, 7, 7, 6, tzinfo=UTC)
    page = editor.get(f"/desk/digests/{digest}/schedule").text
    assert f'value="{day:%Y}-07-07"' in page
    assert 'value="07:00"' in page
    assert editor.post(f"/desk/digests/{digest}/unschedule").status_code == 303
    assert time_of(db, digest) is None


def test_readers_who_chose_an_hour_are_said(db: Database, editor: DeskClient, digest: int) -> None:
    year = clock.now().year + 1
    data = form(f"{year}-07-07", "07:00", "UTC")
    path = f"/desk/digests/{digest}/schedule"
    assert "chose an hour:" not in editor.get(path).text, "the page does not wait for the count"
    wishes = [(8, "UTC"), (9, "UTC"), (9, "UTC"), (23, "Pacific/Auckland"), (7, "UTC"), (None, None)]
    with db.transaction() as session:
        rows = [
            ImportedReader(f"hour{number}@readers.example", Preferences("weekly", hour=hour, zone=zone))
            for number, (hour, zone) in enumerate(wishes)
        ]
        import_rows(session, rows)
    shown = editor.get(f"{path}/times", query_string=data).text
    assert "4 readers chose an hour" in shown
    zone = ZoneInfo("Europe/Lisbon")
    first, last = (datetime(year, 7, 7, hour, tzinfo=UTC).astimezone(zone) for hour in (8, 11))
    assert f"the first gets it 7 July {year}, {first:%H:%M}, the last 7 July {year}, {last:%H:%M}." in shown
    daily = editor.get(path).text
    assert "readers chose an hour:" in daily, "counted by then"


@pytest.mark.parametrize(
    ("data", "sentence", "offers"),
    [
        (
            form("2027-03-28", "02:30", "Europe/Berlin"),
            "02:30 does not exist in Europe/Berlin: clocks are set forward then",
            ["01:30 CET (00:30 UTC)", "03:30 CEST (01:30 UTC)"],
        ),
        (
            form("2026-10-25", "01:30", "Europe/Lisbon"),
            "01:30 comes twice in Europe/Lisbon",
            ["01:30 WEST (00:30 UTC)", "01:30 WET (01:30 UTC)"],
        ),
        (form("2026-05-06", "07:00", "Europe/Lisbon"), "07:00 on 6 May 2026 has passed.", []),
        (form("2026-05-07", "", "Europe/Lisbon"), "Give a day and a time.", []),
        (form("9999-12-31", "23:59", "America/New_York"), "Give a day and a time.", []),
        (form("2026-05-07", "07:00", "Mars/Olympus"), "There is no time zone of this name.", []),
    ],
)
def test_what_is_no_moment_is_said_before_it_is_saved(
    db: Database, editor: DeskClient, digest: int, data: dict[str, str], sentence: str, offers: list[str]
) -> None:
    with clock.set_to(NOW):
        live = editor.get(f"/desk/digests/{digest}/schedule/times", query_string=data)
        answer = editor.post(f"/desk/digests/{digest}/schedule", data)
    assert answer.status_code == 422
    for page in (live.text, answer.text):
        assert sentence in unescape(page)
        assert re.findall(r'name="moment" value="[^"]+">([^<]+)<', page) == offers
    assert time_of(db, digest) is None


def test_an_offer_is_taken_by_its_button(db: Database, editor: DeskClient, digest: int) -> None:
    with clock.set_to(NOW):
        twice = form("2026-10-25", "01:30", "Europe/Lisbon", moment="2026-10-25T01:30+00:00")
        assert editor.post(f"/desk/digests/{digest}/schedule", twice).status_code == 303
        assert time_of(db, digest) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        for wrong in ("2026-10-25T01:30", "soon", "9999-12-31T23:59-12:00"):
            answer = editor.post(f"/desk/digests/{digest}/schedule", {**twice, "moment": wrong})
            assert answer.status_code == 422


def test_sending_now_needs_the_right_a_proof_and_no_finding(
    db: Database, settings: Settings, editor: DeskClient, author: DeskClient, digest: int
) -> None:
    assert author.post(f"/desk/digests/{digest}/send").status_code == 403
    page = author.get(f"/desk/digests/{digest}/schedule").text
    assert "Send it now" not in page
    assert "Back to the letter</a></p>" in page, "nothing follows, so no dot"
    desk.outdate_proof(db, editor.number)
    asked = editor.post(f"/desk/digests/{digest}/send")
    assert (asked.status_code, "Is it you?" in asked.text) == (403, True)
    assert editor.post(f"/desk/digests/{digest}/send", {"proof_code": desk.app_code()}).status_code == 303
    with db.reading() as session:
        assert get_digest(session, digest).status == DigestStatus.SCHEDULED


def test_a_finding_that_blocks_is_said_and_nothing_is_scheduled(db: Database, editor: DeskClient) -> None:
    empty = add_digest_without_articles(db)
    page = editor.get(f"/desk/digests/{empty}/schedule").text
    assert "finding blocks it" in page or "findings block it" in page
    assert "<button disabled>" in page
    answer = editor.post(f"/desk/digests/{empty}/send")
    assert answer.status_code == 422
    assert "Nothing was changed." in answer.text
    assert time_of(db, empty) is None


def add_digest_without_articles(db: Database) -> int:
    with db.transaction() as session:
        digest = Digest(cadence=Cadence.WEEKLY, subject="Nothing")
        session.add(digest)
        session.flush()
        return digest.id


@pytest.mark.parametrize(
    ("local", "zone", "found"),
    [
        ("2026-10-04 02:15", "Australia/Lord_Howe", ["01:45 +1030 (15:15 UTC)", "02:45 +11 (15:45 UTC)"]),
        ("2026-11-01 01:30", "America/New_York", ["01:30 EDT (05:30 UTC)", "01:30 EST (06:30 UTC)"]),
        ("2026-11-01 02:00", "America/New_York", []),
    ],
)
def test_offers_are_what_clocks_there_show(app: Flask, local: str, zone: str, found: list[str]) -> None:
    with clock.set_to(NOW):
        day, time = local.split()
        checked = checked_form(ScheduleForm(day, time, zone, "", "", provider_schedule=False))
    assert [offer.words for offer in checked.offers] == found


def test_each_zone_is_shown_once(app: Flask) -> None:
    same = ScheduleForm("2026-05-07", "07:00", "Europe/Lisbon", "Europe/Lisbon", "", provider_schedule=False)
    with clock.set_to(NOW):
        shown = in_zones(datetime(2026, 5, 7, 6, tzinfo=UTC), same)
    assert [(each.label, each.time) for each in shown] == [("Publication, Europe/Lisbon", "07:00"), ("UTC", "06:00")]
    assert shown[0].day == "Thursday, 7 May 2026, UTC+1"
    assert shown[1].day == "Thursday, 7 May 2026, in 14 h 18 min"
