"""Readers' pages in a real browser: the whole way of a reader without JavaScript, and every page looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request
from sqlalchemy import select

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.languages import LANGUAGES
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation_links
from newsletter.support import goals
from newsletter.support.money import parse_money
from newsletter.web.forms import form_tokens
from tests import factories
from tests.factories import add_article, compose_mail
from tests.services.patience import BROWSER_PATIENCE

LONG = (  # 140 characters
    "Regulators in eleven countries agree on words for the training data of large models, on who may check them, and "
    "on the first date for it all"
)
MAY = date(2026, 5, 1)
WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenversicherungsangestellte"


@dataclass
class Look:
    """A page of a browser, and the things that it should not have done."""

    page: Page
    site: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str, *, status: int = 200) -> None:
        response = self.page.goto(self.site + path)
        assert response is not None
        assert response.status == status

    def press(self, name: str | None = None) -> None:
        """Press a button, and wait for the page that answers: an assertion of Playwright does not wait for it."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        """Follow a link to its page."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).click()

    def check(self) -> None:
        """Nothing went wrong, nothing was kept, nothing scrolls sideways."""
        assert self.wrong == []
        assert self.page.context.cookies() == []
        assert self.page.context.storage_state()["origins"] == []


@contextmanager
def looking(
    browser: Browser,
    site: str,
    *,
    scheme: str = "light",
    width: int = 375,
    script: bool = False,
    zone: str = "UTC",
    kind: type[Look] = Look,
) -> Iterator[Look]:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
        java_script_enabled=script,
        reduced_motion="reduce",
        timezone_id=zone,
    )
    context.set_default_timeout(BROWSER_PATIENCE)
    look = kind(context.new_page(), site)

    pages: set[str] = set()

    def on_request(request: Request) -> None:
        if request.is_navigation_request():
            pages.add(request.url)
        if not request.url.startswith(site + "/"):
            look.wrong.append(f"request to {request.url}")

    def on_console(message: ConsoleMessage) -> None:
        # Chromium says so of each page that is a 404 or 422; of anything else that a page loads it is a mistake.
        if not message.text.startswith("Failed to load resource") or message.location["url"] not in pages:
            look.wrong.append(f"{message.text} ({message.location['url']})")

    # Of all pages: a link in a mail opens another.
    context.on("request", on_request)
    context.on("console", on_console)
    context.on("weberror", lambda error: look.wrong.append(str(error.error)))
    try:
        yield look
        look.check()
    finally:
        context.close()


@pytest.fixture
def paths(db: Database, settings: Settings) -> dict[str, int]:
    """Every kind of page with something in it, and the status it comes with."""
    slug = add_article(db, LONG)
    add_article(db, f"{WORD} & <b>Co</b> {{{{ 7 * 7 }}}}", section="Research", trust=42)
    long = "new@a-very-long-name-of-a-university-in-a-small-town.example"
    with db.transaction() as session:
        import_rows(
            session,
            [
                ImportedReader("ada@example.org", Preferences("daily", ("Policy",), 65)),
                ImportedReader("left@example.org"),
            ],
        )
        factories.sign_up(session, settings, long, Preferences())
        ada, left, new = session.scalars(select(Subscriber).order_by(Subscriber.id))
        left.status = SubscriberStatus.UNSUBSCRIBED
        confirmation = confirmation_links.confirmation_token(settings.signing_keys, new)
        pages = {
            "/",
            "/subscribe?section=Policy",
            "/embed",
            "/letters",
            "/articles",
            f"/articles/{slug}",
            f"/confirm/{confirmation}",
        }
        pages |= {f"/{page}/{reader.token}" for page in ("unsubscribe", "preferences") for reader in (ada, left)}
    return {**dict.fromkeys(sorted(pages), 200), "/confirm/mangled": 404, "/nothing": 404}


@pytest.fixture
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test fills in a form faster than any person."""
    monkeypatch.setattr(form_tokens, "FASTEST", timedelta(0))


@pytest.mark.usefixtures("_in_no_time")
def test_a_reader_s_way_without_javascript(browser: Browser, site: str, db: Database, settings: Settings) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    with looking(browser, site) as look:
        page = look.page
        look.open("/")
        page.get_by_label("Daily").check()
        page.get_by_label("Your email address").fill("nonsense")
        look.press("Send me the confirmation email")
        assert page.get_by_role("alert").is_visible()
        assert page.get_by_label("Your email address").input_value() == "nonsense"

        page.get_by_label("Your email address").fill("ada@example.org")
        page.get_by_text("Choose how often and which stories").click()
        assert page.get_by_label("Daily").is_checked()
        page.get_by_label("Only those I choose").check()
        page.get_by_label("Policy").check()
        look.press("Send me the confirmation email")
        assert page.get_by_text("We sent a link to ada@example.org. It works for 7 days.").is_visible()

        page.goto(confirmation_link(db, settings))
        look.press("Yes, subscribe me")
        assert page.get_by_role("heading", name="You are subscribed").is_visible()
        assert reader(db).status == SubscriberStatus.ACTIVE
        assert (reader(db).cadence, reader(db).sections) == ("daily", ["Policy"])

        look.follow("change your preferences")
        page.get_by_label("Monthly").check()
        page.get_by_label("All of them, future ones too").check()
        page.get_by_label("Lowest trust score").select_option("80")
        look.press("Save my preferences")
        assert page.get_by_role("status").inner_text().startswith("Saved. You get the monthly letter")
        assert (reader(db).cadence, reader(db).sections, reader(db).min_trust) == ("monthly", None, 80)

        look.follow("unsubscribe")
        look.press("Unsubscribe")
        assert page.get_by_role("heading", name="You are unsubscribed").is_visible()
        assert reader(db).status == SubscriberStatus.UNSUBSCRIBED


def reader(db: Database) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber)).one()


def confirmation_link(db: Database, settings: Settings) -> str:
    """The link in the mail that comes of the sign-up."""
    factories.decide_all(db, settings)
    with db.reading() as session:
        row = session.scalars(select(OutgoingMail)).one()
        composed = compose_mail(session, settings, row)
    assert composed is not None
    return next(word for word in composed[0].text.split() if "/confirm/" in word)


def test_a_very_fast_reader_presses_again(
    browser: Browser, site: str, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_tokens, "FASTEST", timedelta(minutes=10))
    with looking(browser, site) as look:
        page = look.page
        look.open("/")
        page.get_by_label("Your email address").fill("ada@gmial.com")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "One more press" in page.get_by_role("status").inner_text()
        monkeypatch.setattr(form_tokens, "FASTEST", timedelta(0))
        look.press("Send me the confirmation email")
        assert page.get_by_text("We sent a link to ada@gmial.com.").is_visible()
        assert page.get_by_text("Did you mean ada@gmail.com?").is_visible()
        page.get_by_label("Your email address").fill("ada@gmail.com")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.get_by_text("We sent a link to ada@gmail.com.").is_visible()
    factories.decide_all(db, settings)
    with db.reading() as session:
        assert set(session.scalars(select(Subscriber.address))) == {"ada@gmial.com", "ada@gmail.com"}


@pytest.mark.usefixtures("_in_no_time")
def test_a_form_on_another_site_leads_to_ours(browser: Browser, site: str, db: Database, settings: Settings) -> None:
    other = site.replace("127.0.0.1", "localhost")  # another site to a browser
    form = f'<form method=post action="{other}/subscribe"><input name=email value=ada@example.org><button>Go</button>'
    with looking(browser, other) as look:
        look.page.route(f"{other}/embedded", lambda route: route.fulfill(body=form, content_type="text/html"))
        look.page.route(f"{site}/embedded", lambda route: route.fulfill(body=form, content_type="text/html"))
        look.page.goto(f"{site}/embedded")
        look.press()
        assert "You come from another site" in look.page.get_by_role("status").inner_text()
        look.press("Send me the confirmation email")
        assert look.page.get_by_role("heading", name="Check your mailbox").is_visible()
        look.wrong.clear()  # the other site's own page
    factories.decide_all(db, settings)
    assert reader(db).status == SubscriberStatus.PENDING


def spoken(paths: dict[str, int], language: str) -> dict[str, int]:
    """The paths in that language."""
    return {f"{path}{'&' if '?' in path else '?'}language={language}": status for path, status in paths.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(
    browser: Browser, site: str, paths: dict[str, int], scheme: str, language: str
) -> None:
    with looking(browser, site, scheme=scheme, script=True) as look:
        for path, status in spoken(paths, language).items():
            look.open(path, status=status)
            for details in look.page.query_selector_all("summary"):
                details.click()
            found = Axe().run(look.page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        look.open("/")
        look.press()
        found = Axe().run(look.page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_scrolls_sideways(
    browser: Browser, site: str, paths: dict[str, int], width: int, language: str
) -> None:
    with looking(browser, site, width=width, script=True) as look:
        for path, status in spoken(paths, language).items():
            look.open(path, status=status)
            wide = look.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_of_twice_the_size_fits_on_a_phone(
    browser: Browser, site: str, db: Database, paths: dict[str, int], language: str
) -> None:
    with db.transaction() as session:
        goals.set_goal(session, MAY, parse_money("900", "EUR"))
        goals.set_cost(session, "Newspapers, journals, court records", MAY, parse_money("170", "EUR"))
    with looking(browser, site) as look:
        sizes = {"fontSizes": {"standard": 32, "fixed": 26}}
        look.page.context.new_cdp_session(look.page).send("Page.setFontSizes", sizes)
        for path, status in spoken({**paths, "/support": 200}, language).items():
            look.open(path, status=status)
            assert look.page.evaluate("getComputedStyle(document.body).fontSize") >= "32px"
            assert look.page.evaluate("document.documentElement.scrollWidth") <= 375, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_targets_are_large_enough_for_a_thumb(
    browser: Browser, site: str, paths: dict[str, int], language: str
) -> None:
    with looking(browser, site, script=True) as look:
        for path, status in spoken(paths, language).items():
            look.open(path, status=status)
            for target in look.page.query_selector_all(
                "button, input[type=email], select, nav a, summary, .options label"
            ):
                box = target.bounding_box()
                assert box is None or box["height"] >= 44, f"{path}: {target.inner_text()}"


def test_the_language_is_switched_by_a_link_that_the_way_keeps(browser: Browser, site: str, db: Database) -> None:
    add_article(db, "One", section="Policy")
    with looking(browser, site) as look:
        page = look.page
        look.open("/")
        look.follow("Deutsch")
        page.get_by_label("Ihre E-Mail-Adresse").fill("ada")
        look.press("Bestätigungsmail anfordern")
        assert page.get_by_role("alert").is_visible()
        assert page.locator("html").get_attribute("lang") == "de"
        assert page.get_by_label("Deutsch").is_checked()
        look.follow("Artikel")
        assert page.get_by_role("heading", name="Artikel").is_visible()
        look.follow("English")
        assert page.get_by_role("heading", name="Stories").is_visible()


def test_the_focus_is_visible_and_the_first_stop_skips_to_the_content(browser: Browser, site: str) -> None:
    with looking(browser, site, script=True) as look:
        look.open("/")
        look.page.keyboard.press("Tab")
        skip = look.page.get_by_role("link", name="Skip to content")
        box = skip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert skip.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "2px"
        look.page.keyboard.press("Enter")
        look.page.keyboard.press("Tab")
        assert look.page.evaluate("document.activeElement.id") == "email"


def test_on_paper_there_is_nothing_to_press(browser: Browser, site: str, paths: dict[str, int]) -> None:
    """Links about the site and buttons are left out; the text is black on white."""
    with looking(browser, site, scheme="dark", script=True) as look:
        look.page.emulate_media(media="print")
        for path, status in paths.items():
            look.open(path, status=status)
            pressed = "nav:visible, button:visible, a.button:visible, input:visible, .support:visible"
            assert look.page.locator(pressed).count() == 0, path
            assert look.page.locator("h1").is_visible()
            ink, paper = (
                look.page.locator(place).evaluate("(it, name) => getComputedStyle(it)[name]", name)
                for place, name in (("h1", "color"), ("body", "backgroundColor"))
            )
            assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)"), path
