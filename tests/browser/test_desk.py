"""The desk in a real browser: passkeys with Chromium's own authenticator, on http://localhost and over https under the
cookie's real name; every page looked at, by day and by night, broad and narrow; and all of it without a script.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from newsletter.app import create_app
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.operations.digest_samples import send_sample
from newsletter.staff import audit, links, people, throttling
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.rights import Role
from newsletter.subscribers.preferences import Preferences
from tests.browser.desk_look import DeskLook, at_localhost, check_on_phones, looking_at_desk
from tests.browser.test_desk_articles import end_sessions, sign_in_again
from tests.browser.test_every_page import violations
from tests.browser.test_pages_look import LONG, WORD, Look
from tests.factories import add_article
from tests.large_world.filling import fill_world
from tests.large_world.pages import Examples, desk_pages
from tests.services import desk
from tests.services.certificates import make_certificate
from tests.services.patience import BROWSER_PATIENCE

LEO = "leo@dispatch.example"

FOR_VISITORS = ("desk.sign_in", "desk.link")
"""Pages for those who are not signed in; others are led away from them."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    throttling.local_allowance.clear()
    return replace(settings, public_url=at_localhost(settings.public_url))


def add_authenticator(page: Page) -> None:
    """Give a page's browser a device with a fingerprint that is always right (Chrome DevTools Protocol, WebAuthn)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def invitation(db: Database, settings: Settings) -> str:
    """The path of a link for Leo."""
    with db.transaction() as session:
        member = people.add_member(session, LEO, Role.ADMIN, by=OPERATOR)
        return f"/desk/link/{links.send_link(session, settings, member, by=OPERATOR)}"


def use_passkeys(look: Look, path: str) -> None:
    """From the invitation to a passkey, out, in again by it, and through a proof."""
    add_authenticator(look.page)
    look.open(path)
    look.page.get_by_label("Your name, as colleagues see it").first.fill("Leo Example")
    look.press("Make a passkey")
    assert look.page.get_by_role("heading", level=1).inner_text() == "Today"
    look.page.get_by_role("button", name="Sign out").click()
    look.page.wait_for_url("**/desk/sign-in")
    look.open("/desk/people")
    look.press("Sign in with a passkey")
    assert look.page.get_by_role("heading", level=1).inner_text() == "People", "and back to where one was going"


def test_a_passkey_from_invitation_to_proof(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    path = invitation(db, settings)
    with looking_at_desk(browser, settings, db, None) as look:
        use_passkeys(look, path)
        desk.outdate_proof(db, 1)
        look.page.get_by_label("Email address").fill("mia@dispatch.example")
        look.press("Send the invitation")
        look.press("Confirm with a passkey and go on")
        assert look.page.get_by_role("heading", level=1).inner_text() == "A link for mia@dispatch.example"
        look.open("/desk/account")
        assert "Chrome on Linux" in look.page.locator("table").first.inner_text()


@pytest.fixture
def secure_site(settings: Settings, listener: socket.socket, tmp_path: Path) -> Iterator[Settings]:
    """The site behind a certificate, under https://localhost; its settings."""
    settings = replace(settings, public_url=settings.public_url.replace("http:", "https:"))
    app = create_app(settings)
    server = make_server(
        "127.0.0.1",
        listener.getsockname()[1],
        app,
        threaded=True,
        fd=listener.fileno(),
        ssl_context=make_certificate(tmp_path).server_context(),
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["newsletter"].db.dispose()


def test_over_https_the_cookies_have_their_real_names(browser: Browser, secure_site: Settings, db: Database) -> None:
    path = invitation(db, secure_site)
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(BROWSER_PATIENCE)
    look = DeskLook(context.new_page(), secure_site.public_url)
    use_passkeys(look, path)
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert set(cookies) == {"__Host-desk", "__Host-desk-browser"}
    assert all(cookie["secure"] and cookie["path"] == "/" for cookie in cookies.values())
    look.check()
    context.close()


def test_password_and_code_without_a_script(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    path = invitation(db, settings)
    with looking_at_desk(browser, settings, db, None, script=False, width=375) as look:
        look.open(path)
        look.page.get_by_text("Or with a password and a code app").click()
        form = look.page.locator("details form")
        form.get_by_label("Your name").fill("Leo Example")
        form.get_by_label("Password").fill(desk.PASSWORD)
        secret = form.locator(".mono").inner_text().replace(" ", "")
        form.get_by_label("The six digits").fill(pyotp.TOTP(secret).now())
        look.press("Set up with password and code")
        code = look.page.locator(".codes li").first.inner_text()
        look.follow("I have kept them")
        look.page.get_by_text("Menu").click()
        look.press("Sign out")
        look.open("/desk/audit-log?what=sign_in")
        look.page.get_by_label("Your email address").fill(LEO)
        look.page.get_by_label("Password").fill("a wrong password")
        look.press("Go on to the second step")
        assert "You can try 2 more times" in look.page.locator(".error:visible").inner_text()
        look.page.get_by_label("Password").fill(desk.PASSWORD)
        look.press("Go on to the second step")
        look.page.get_by_label("The six digits").fill(code)
        look.press("Sign in")
        assert look.page.url.endswith("/desk/audit-log?what=sign_in")
        assert "Signed in with password and recovery code" in look.page.content()


def test_an_invitation_outlives_its_session(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    """By its button on the answer, and by going back."""
    admin = desk.add_person(db, Role.ADMIN, settings=settings)
    with looking_at_desk(browser, settings, db, admin, script=False) as look:
        page = look.page
        for way in ("button", "back"):
            look.open("/desk/people")
            page.get_by_label("Email address").fill(f"{way}@dispatch.example")
            page.get_by_label("Editor").check()
            former = next(str(each["value"]) for each in page.context.cookies() if each["name"].startswith("desk"))
            end_sessions(db)
            look.press("Send the invitation")
            assert page.get_by_role("heading", level=1).inner_text() == "You are signed out"
            sign_in_again(look, settings, db, admin, former)
            if way == "back":
                page.go_back()
                assert page.get_by_label("Email address").input_value() == f"{way}@dispatch.example"
                assert page.get_by_label("Editor").is_checked()
            look.press("Do it again" if way == "button" else "Send the invitation")
            assert page.get_by_role("heading", level=1).inner_text() == f"A link for {way}@dispatch.example"
        with db.reading() as session:
            invited = [each.member for each in people.list_members(session) if each.member.id != admin]
            assert [member.role for member in invited] == [Role.EDITOR, Role.EDITOR]


def test_every_page_by_day_and_by_night(browser: Browser, site: str, settings: Settings, db: Database) -> None:
    admin = desk.add_person(db, Role.ADMIN, settings=settings)
    with db.transaction() as session:
        address = "someone-with-a-long-name@a-very-long-name-of-a-town.example"
        guest = people.add_member(session, address, Role.AUTHOR, by=OPERATOR)
        token = links.send_link(session, settings, guest, by=OPERATOR)
        people.get_member(session, admin).name = LONG[:80]
        audit.record(session, AuditAction.SIGN_IN_FAILED, by=OPERATOR, on=member_object(admin))
    inside = ("", "/account", "/people", f"/people/{guest.id}", "/audit-log", "/audit-log?since=2999-01-01")
    pages: dict[int | None, tuple[str, ...]] = {None: ("/sign-in", f"/link/{token}"), admin: inside}
    for person, paths in pages.items():
        with looking_at_desk(browser, settings, db, person) as look:
            for path in paths:
                look.page.set_viewport_size({"width": 1280, "height": 800})
                look.page.goto(f"{settings.public_url}/desk{path}")
                for details in look.page.locator("main details").all():
                    details.evaluate("element => { element.open = true }")
                assert violations(look) == []
                for width in (320, 375, 768):
                    look.page.set_viewport_size({"width": width, "height": 800})
                    assert look.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_every_page_on_phones_and_with_large_text(
    app: Flask, browser: Browser, site: str, settings: Settings, db: Database
) -> None:
    """In a world with much in it: lists of all kinds, a digest that is sent, long words."""
    present = fill_world(db, settings, count=400, stories=300)
    add_article(db, f"{WORD} {LONG}", section="Rechtsprechung")
    send_sample(runtime_of(app), present.draft, "editor@dispatch.example", Preferences())
    (mail,) = (settings.maildir / "new").iterdir()
    admin = desk.add_person(db, settings=settings)
    with db.transaction() as session:
        token = links.send_link(session, settings, people.get_member(session, admin), by=OPERATOR)
    pages = list(desk_pages(app, Examples(present, admin, token, mail.name)))
    for person, found in ((None, [page for page in pages if page.endpoint in FOR_VISITORS]), (admin, pages)):
        with looking_at_desk(browser, settings, db, person) as look:
            for page in found:
                look.open(page.path)
                if look.page.locator("body.desk").count() == 0:  # a part of a page, a mail, or a page of readers
                    continue
                for details in look.page.locator("main details").all():
                    details.evaluate("element => { element.open = true }")
                check_on_phones(look)
            look.wrong.clear()  # parts of pages have no icon
