"""A digest from its time to its last mail, at the desk in a real browser, by the real clock and real workers: it is
scheduled, watched while it moves, paused, resumed, and what is in doubt is decided. Then the pages by day and by night.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.config.parsing import RateLimit
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.digests import scheduling
from newsletter.operations.digest_samples import send_sample
from newsletter.staff.models import StaffSession
from newsletter.staff.rights import Role
from newsletter.subscribers.preferences import Preferences
from tests.browser.desk_look import at_localhost, looking_at_desk
from tests.browser.test_every_page import violations
from tests.browser.test_pages_look import LONG, Look
from tests.factories import add_article, add_digest, add_readers, hand_over, send_digest, state_of
from tests.services import desk
from tests.services.nu_checker import mistakes
from tests.services.processes import RunningService

READERS = 3000


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(
        settings,
        public_url=at_localhost(settings.public_url),
        redis_url=valkey_url,
        timezone=ZoneInfo("Europe/Lisbon"),
        mail_rate_limits=(RateLimit(400, 1),),
    )


def line(look: Look) -> str:
    return look.page.locator("#line .lead").inner_text()


def test_scheduled_watched_paused_resumed_and_a_doubt_decided(
    browser: Browser, site: str, settings: Settings, db: Database
) -> None:
    add_article(db, "A story")
    add_readers(db, READERS)
    digest, editor = add_digest(db), desk.add_person(db, Role.EDITOR, settings=settings)
    with RunningService(settings, workers=1) as service, looking_at_desk(browser, settings, db, editor) as look:
        page = look.page
        look.open(f"/desk/digests/{digest}/schedule")
        page.get_by_label("Day", exact=True).fill("2999-03-30")
        page.get_by_role("textbox", name="Time").fill("07:00")
        expect(page.locator("#times")).to_contain_text("Saturday, 30 March 2999")
        look.press("Keep this time")
        assert "It goes out 30 March 2999, 07:00" in line(look)
        look.follow("Change the time")
        look.press("Send it now")
        service.until(lambda: state_of(db, digest).accepted > 0, "the first mail", pause=0.05)
        expect(page.locator("#line")).to_contain_text(re.compile(r"\d+ % is accepted"))
        look.press("Pause")
        assert line(look).startswith("Paused by Editor Example at")
        service.until(lambda: is_idle(db), "the end of the batch in hand", pause=0.05)
        with db.transaction() as session:  # as the clock leaves the batch of a worker that was lost in mid-request
            batch = session.scalars(select(Batch).where(Batch.state == BatchState.READY).order_by(Batch.id)).first()
            assert batch is not None, "it was too fast"
            batch.outcomes = batch.outcomes.replace(b"w", b"?", 3)
            batch.state = BatchState.IN_DOUBT
        doubt = page.get_by_role("heading", name="we do not know whether 3 readers got their letter")
        expect(doubt).to_be_visible()
        look.press("Count it as accepted")
        look.press("Go on")
        service.until(lambda: state_of(db, digest).status == "sent", "the end", pause=0.1)
        expect(page.locator("#head")).to_contain_text("sent")
        assert f"Sent. {READERS:,} of {READERS:,} accepted" in line(look)
    assert len(list((settings.maildir / "new").iterdir())) == READERS - 3


def is_idle(db: Database) -> bool:
    with db.reading() as session:
        return set(session.scalars(select(Batch.state))) <= {BatchState.READY, BatchState.DONE}


def test_a_hidden_tab_does_not_ask_and_an_open_one_keeps_nobody_signed_in(
    browser: Browser, site: str, settings: Settings, db: Database
) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    digest, editor = send_digest(db, settings), desk.add_person(db, Role.EDITOR)
    with looking_at_desk(browser, settings, db, editor) as look:
        look.open(f"/desk/digests/{digest}/sending")
        asked: list[str] = []
        look.page.on("request", lambda request: asked.append(request.url))
        look.page.wait_for_event("request", lambda request: "/changes?" in request.url)
        look.page.evaluate(
            """() => { Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
                       document.dispatchEvent(new Event("visibilitychange")) }"""
        )
        asked.clear()
        look.page.wait_for_timeout(2500)
        assert asked == []
        with db.transaction() as session:
            session.execute(update(StaffSession).values(last_seen_at=clock.now() - timedelta(hours=1)))
        look.page.evaluate(
            """() => { Object.defineProperty(document, "hidden", { get: () => false, configurable: true });
                       document.dispatchEvent(new Event("visibilitychange")) }"""
        )
        expect(look.page.get_by_text("You are signed out.").first).to_be_visible()
        assert "No worker is running." in line(look), "what was shown stays"
        look.wrong[:] = [each for each in look.wrong if "status of 401" not in each]


def test_every_page_by_day_and_by_night(
    browser: Browser, site: str, app: Flask, settings: Settings, db: Database, tmp_path: Path
) -> None:
    admin = desk.add_person(db, Role.ADMIN, settings=settings)
    paths = ["", "/digests", "/outbox"]
    with looking_at_desk(browser, settings, db, admin) as look:
        check(look, settings, paths, tmp_path)
        add_article(db, LONG)
        add_article(db, "<b>Co</b> {{ 7 * 7 }} \u202eevil")
        add_readers(db, 3)
        hand_over(db, settings)
        doubted = send_digest(db, settings)
        held, draft = add_digest(db, subject=LONG), add_digest(db, subject="<i>{{ x }}</i>")
        with db.transaction() as session:
            in_doubt = {"state": BatchState.IN_DOUBT, "outcomes": b"?ra", "note": LONG, "attempted_at": clock.now()}
            session.execute(update(Batch).where(Batch.digest_id == doubted).values(**in_doubt))
            session.add(Refusal(digest_id=doubted, subscriber_id=2, reason="550 5.7.1 " + LONG, temporary=False))
            at = clock.now() + timedelta(hours=9)
            scheduling.schedule_digest(session, settings, held, at, by=OPERATOR)
        send_sample(runtime_of(app), draft, "editor@dispatch.example", Preferences())
        (mail,) = (settings.maildir / "new").iterdir()
        paths += [f"/digests/{each}/sending" for each in (doubted, held)]
        paths += [f"/digests/{doubted}/{page}" for page in ("batches", "cancel")]
        paths += [f"/digests/{draft}/{page}" for page in ("schedule", "test")]
        paths += [f"/outbox/{mail.name}?part={part}" for part in ("headers",)]
        check(look, settings, paths, tmp_path)
        look.page.goto(f"{settings.public_url}/desk/outbox/{mail.name}")
        look.page.emulate_media(color_scheme=None)
        frame = look.page.frame_locator("iframe").locator("body")
        assert frame.evaluate("body => getComputedStyle(body).margin") == "0px", "the mail has its styles"


def check(look: Look, settings: Settings, paths: list[str], folder: Path) -> None:
    """No barrier, nothing sideways, valid for the Nu checker."""
    pages = {}
    for path in paths:
        look.page.set_viewport_size({"width": 1280, "height": 800})
        look.page.goto(f"{settings.public_url}/desk{path}")
        pages[path or "/"] = look.page.evaluate("fetch(location.href).then(answer => answer.text())")
        assert violations(look) == []
        for width in (320, 375, 768):
            look.page.set_viewport_size({"width": width, "height": 800})
            assert look.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    assert mistakes(folder, pages) == []
