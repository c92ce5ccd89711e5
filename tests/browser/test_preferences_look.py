"""A reader's preferences and address in a real browser: without a script, and with the one that there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.mail_payloads import ChangedByLink
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.browser.test_pages_look import Look, looking
from tests.factories import add_article, compose_mail


@pytest.fixture
def ada(db: Database) -> Subscriber:
    add_article(db, "One", section="Policy")
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org")])
        return session.scalars(select(Subscriber)).one()


def reader(db: Database) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber)).one()


def mailed(db: Database, settings: Settings) -> str:
    """The link in the one mail that was requested."""
    with db.transaction() as session:
        row = session.scalars(select(OutgoingMail).where(OutgoingMail.kind != ChangedByLink.kind)).one()
        composed = compose_mail(session, settings, row)
        session.delete(row)
    assert composed is not None
    return next(word for word in composed[0].text.split() if word.startswith(settings.public_url))


def check(look: Look) -> None:
    """The page that is open can be used by everyone, and stays within its width."""
    found = Axe().run(look.page)
    assert found.violations_count == 0, f"{look.page.url}: {found.generate_report()}"
    assert look.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_preferences_without_a_script(browser: Browser, site: str, db: Database, ada: Subscriber) -> None:
    with looking(browser, site, zone="Asia/Tokyo") as look:
        page = look.page
        look.open(f"/preferences/{ada.token}")
        assert page.get_by_label("Time zone").input_value() == ""
        page.get_by_label("Also send breaking news").check()
        page.get_by_label("Highest hype").select_option("Low hype")
        page.get_by_label("Hour", exact=True).select_option("07:00")
        look.press("Save my preferences")
        assert "Choose an hour and the time zone" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("Hour", exact=True).input_value() == "7"
        page.get_by_label("Time zone").select_option("Berlin")
        page.get_by_label("Plain text").check()
        page.get_by_label("Language around the stories").select_option("Deutsch")
        look.press("Save my preferences")
        said = page.get_by_role("status").inner_text()
        assert "um 07:00 Uhr (Europe/Berlin)" in said, "from now on the page speaks German"
        assert Preferences.of(reader(db)) == Preferences(
            max_hype="Low hype", breaking=True, hour=7, zone="Europe/Berlin", format="text", language="de"
        )
        until = (clock.now() + timedelta(days=30)).date()
        page.get_by_label("Pause bis").fill(until.isoformat())
        look.press("Newsletter pausieren")
        assert reader(db).paused_until == until
        look.press("Pause jetzt beenden")
        assert reader(db).paused_until is None


def test_no_button_loses_what_stands_in_the_other_part(
    browser: Browser, site: str, db: Database, ada: Subscriber
) -> None:
    until = (clock.now() + timedelta(days=30)).date()
    with looking(browser, site) as look:
        page = look.page
        look.open(f"/preferences/{ada.token}")
        page.get_by_label("Monthly").check()
        page.get_by_label("Lowest trust score").select_option("70")
        page.get_by_label("Pause until").fill(until.isoformat())
        look.press("Pause my letters")
        assert reader(db).paused_until == until
        assert "Your other changes on this page are not saved yet." in page.get_by_role("status").inner_text()
        assert page.get_by_label("Monthly").is_checked()
        later = until + timedelta(days=1)
        page.get_by_label("Pause until").fill(later.isoformat())
        look.press("Save my preferences")
        assert Preferences.of(reader(db)) == Preferences("monthly", min_trust=70)
        assert reader(db).paused_until == until
        assert "are not saved yet" in page.get_by_role("status").inner_text()
        assert page.get_by_label("Pause until").input_value() == later.isoformat()
        look.press("Change the pause")
        assert reader(db).paused_until == later
        assert "not saved" not in page.get_by_role("status").inner_text()
        page.get_by_label("Daily").check()
        look.press("End the pause now")
        assert reader(db).paused_until is None
        assert page.get_by_label("Daily").is_checked()
        look.check()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_the_script_preselects_the_browser_s_zone_and_sends_nothing(
    browser: Browser, site: str, db: Database, ada: Subscriber, zone: str
) -> None:
    with looking(browser, site, script=True, zone=zone) as look:
        look.open(f"/preferences/{ada.token}")
        chosen = look.page.get_by_label("Time zone").input_value()
        assert chosen in (zone, "Asia/Calcutta")  # as Chromium calls it
        assert reader(db).zone is None
        look.page.get_by_label("Hour", exact=True).select_option("07:00")
        look.press("Save my preferences")
        assert "Saved" in look.page.get_by_role("status").inner_text()
        assert (reader(db).hour, reader(db).zone) == (7, chosen)
        look.open(f"/preferences/{ada.token}")
        assert look.page.get_by_label("Time zone").input_value() == chosen


def test_a_chosen_zone_stays(browser: Browser, site: str, db: Database, ada: Subscriber) -> None:
    with db.transaction() as session:
        found = session.scalars(select(Subscriber)).one()
        found.hour, found.zone = 7, "Africa/Lagos"
    with looking(browser, site, script=True, zone="Europe/Berlin") as look:
        look.open(f"/preferences/{ada.token}")
        assert look.page.get_by_label("Time zone").input_value() == "Africa/Lagos"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_change_of_address_can_be_used(
    browser: Browser, site: str, db: Database, settings: Settings, ada: Subscriber, scheme: str
) -> None:
    with looking(browser, site, script=True, scheme=scheme, width=320) as look:
        page = look.page
        look.open(f"/preferences/{ada.token}")
        page.get_by_label("Pause until").fill("2020-01-01")
        look.press("Pause my letters")
        assert page.get_by_role("alert").is_visible()
        check(look)
        look.follow("Change your address")
        check(look)
        look.press("Email me a link")
        check(look)
        page.goto(mailed(db, settings))
        look.press("Send a link")
        assert page.get_by_role("alert").is_visible()
        check(look)
        page.get_by_label("New email address").fill("ada@a-very-long-name-of-a-university-in-a-small-town.example")
        look.press("Send a link")
        check(look)
        page.goto(mailed(db, settings))
        check(look)
        look.press("Yes, use this address")
        assert page.get_by_role("heading", name="Your address is changed").is_visible()
        check(look)
        page.goto(mailed(db, settings))
        check(look)
        look.press("Send my letters here again")
        check(look)
    assert reader(db).address == "ada@example.org"
