"""Leaving, one's data and erasure in a real browser: with a script and without, by day and by night."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.events.models import Event
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, Consent, Subscriber, SubscriberStatus
from tests.browser.test_pages_look import LONG, WORD, looking
from tests.browser.test_preferences_look import check, mailed, reader
from tests.factories import add_article, hand_over

ADA = "ada@a-very-long-name-of-a-university-in-a-small-town.example"


@pytest.fixture
def ada(db: Database, settings: Settings) -> Subscriber:
    """A reader with rows in many tables."""
    add_article(db, LONG)
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    digests = [hand_over(db, settings) for _ in range(3)]
    with db.transaction() as session:
        ada, now = session.scalars(select(Subscriber)).one(), clock.now()
        agreed = Consent(subscriber_id=ada.id, wording=f"Yes, {WORD}", page="/subscribe", requested_at=now)
        moved = AddressChange(subscriber_id=ada.id, address=ADA[1:], address_key=ADA[1:], changed_at=now)
        session.add_all([agreed, moved])
        for number, kind in enumerate(("soft_bounced", "blocked", "dropped")):
            values = {"digest_id": digests[number], "kind": kind, "dedupe_key": kind, "reason": f"452 {WORD}"}
            session.add(Event(subscriber_id=ada.id, occurred_at=now, **values))
    return ada


@pytest.mark.parametrize("script", [False, True])
def test_a_reader_unsubscribes_comes_back_and_is_erased(
    browser: Browser, site: str, db: Database, settings: Settings, ada: Subscriber, script: bool
) -> None:
    with looking(browser, site, script=script) as look:
        page = look.page
        look.open(f"/unsubscribe/{ada.token}")
        look.press("Unsubscribe")
        assert reader(db).status == SubscriberStatus.UNSUBSCRIBED
        look.press("It came too often")
        assert page.get_by_role("status").inner_text() == "Thank you for telling us why."
        assert reader(db).unsubscribe_reason == "often"
        look.press("Undo")
        assert page.get_by_role("heading", name="You are subscribed again").is_visible()
        assert (reader(db).status, reader(db).unsubscribe_reason) == (SubscriberStatus.ACTIVE, None)

        look.follow("change your preferences")
        look.follow("See, download or erase")
        look.press("Email me a link to my data")
        page.goto(mailed(db, settings))
        with page.expect_download() as download:
            page.get_by_role("link", name="Download it as JSON").click()
        kept = json.loads(Path(download.value.path()).read_text())
        assert (kept["reader"]["address"], len(kept["letters"])) == (ADA, 3)
        look.press("Erase my data")
        assert page.get_by_role("heading", name="Your data is erased").is_visible()
    with db.reading() as session:
        assert session.scalars(select(Subscriber)).all() == []
        assert [mail.kind for mail in session.scalars(select(OutgoingMail))] == ["erased"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_can_be_used(
    browser: Browser, site: str, db: Database, settings: Settings, ada: Subscriber, scheme: str, width: int
) -> None:
    with looking(browser, site, script=True, scheme=scheme, width=width) as look:
        page = look.page
        look.open(f"/unsubscribe/{ada.token}")
        check(look)
        look.press("Unsubscribe")
        check(look)
        for button in page.query_selector_all("button"):
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
        look.press("Something else")
        check(look)
        look.press("Undo")
        check(look)
        look.open(f"/data-link/{ada.token}")
        check(look)
        look.press("Email me a link to my data")
        check(look)
        link = mailed(db, settings)
        page.goto(link)
        check(look)
        look.press("Erase my data")
        check(look)
        page.goto(link)
        assert "Nothing is kept" in page.content()
        check(look)


@pytest.mark.parametrize("ended", [SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED])
@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("unsubscribe", "see, download or erase"),
        ("preferences", "see, download or erase"),
        ("data-link", "editors@dispatch.example"),
        ("address-link", "sign up"),
    ],
)
def test_a_reader_who_is_not_mailed_has_a_way_too(
    browser: Browser, site: str, db: Database, ada: Subscriber, ended: SubscriberStatus, path: str, way: str
) -> None:
    with db.transaction() as session:
        session.get_one(Subscriber, ada.id).status = ended
    why = {SubscriberStatus.BOUNCED: "came back", SubscriberStatus.COMPLAINED: "was reported as spam"}[ended]
    with looking(browser, site, script=True, width=320) as look:
        look.open(f"/{path}/{ada.token}")
        check(look)
        assert f"{why}, so we do not write to it any more." in look.page.locator("main").inner_text()
        assert look.page.get_by_role("main").get_by_role("link", name=way).is_visible()
        assert look.page.get_by_role("button").count() == 0
