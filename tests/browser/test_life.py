"""The whole life of a reader: real Chromium, web, clock, worker and queue, mails in a Maildir; with JavaScript off
and on. At the end nothing of the reader stands in any log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.delivery.reports.status import digest_status
from newsletter.digests import scheduling
from newsletter.web.forms import form_tokens
from tests.browser.test_pages_look import looking
from tests.factories import add_article, add_digest, add_readers
from tests.services.mailbox import URL, Mailbox, html, text
from tests.services.processes import RunningService, on_one_machine

ADA = "Ada.Lovelace@readers.example"
NEW = "ada@new.example"
OTHER = "r1@readers.example"
"""Another reader, who gets every letter: one that did not come to Ada was not for her."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One machine, on a port of its own."""
    return on_one_machine(settings, with_site=True)


@pytest.fixture
def service(db: Database, settings: Settings) -> Iterator[RunningService]:
    """Every process of the Procfile; the web server as talkative as it can be."""
    add_article(db, "A model is tested", section="Research")
    add_article(db, "A law is passed", section="Policy")  # the newer one leads, in every edition here
    add_readers(db, 1)
    with RunningService(settings, workers=1) as service:
        service.start_web()
        yield service


class Life:
    """A reader, who looks at pages, reads mails and follows their links."""

    def __init__(self, page: Page, service: RunningService, db: Database) -> None:
        self.page, self.service, self.db = page, service, db
        self.mailbox = Mailbox(service.settings)

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link, exact=True).click()

    def says(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for()

    def mail(self, address: str, subject: str, *, count: int = 1) -> EmailMessage:
        """The mail of this subject that comes; `count`: the how many-th it is."""
        self.service.until(lambda: len(self.mailbox.of(address, subject)) >= count, f"the mail “{subject}”")
        found = self.mailbox.of(address, subject)
        assert len(found) == count
        return found[-1]

    def click_in(self, mail: EmailMessage, link: str) -> None:
        """Show the mail as a webmail does, and click: the page opens beside it, or in its place."""
        shown = self.page
        shown.goto("about:blank")
        shown.set_content(html(mail))
        target = shown.get_by_role("link", name=link, exact=True)
        url = target.get_attribute("href")
        assert url
        assert url in text(mail)
        if target.get_attribute("target") == "_blank":
            with shown.context.expect_page() as opened:
                target.click()
            self.page = opened.value
            shown.close()
        else:
            target.click()
        self.page.wait_for_url(url)

    def sign_up(self, address: str) -> EmailMessage:
        """From the front page to the mail."""
        before = len(self.mailbox.of(address, "Confirm your subscription"))
        self.page.goto(self.service.settings.public_url)
        self.page.get_by_label("Your email address").fill(address)
        self.page.wait_for_timeout(form_tokens.FASTEST.total_seconds() * 1000)  # a person takes longer
        self.press("Send me the confirmation email")
        self.says("Check your mailbox")
        return self.mail(address, "Confirm your subscription", count=before + 1)

    def digest(self, subject: str) -> None:
        """An editor's: returns when it has been sent, and the other reader has it."""
        number = add_digest(self.db, subject=subject)
        with self.db.transaction() as session:
            scheduling.send_now(session, self.service.settings, number, by=OPERATOR)
        self.service.until(lambda: self._is_sent(number), f"the digest “{subject}”")
        self.mail(OTHER, subject)

    def _is_sent(self, number: int) -> bool:
        with self.db.reading() as session:
            return digest_status(session, number).status == "sent"


@pytest.mark.parametrize("script", [False, True], ids=["without a script", "with scripts"])
def test_the_life_of_a_reader(browser: Browser, service: RunningService, db: Database, script: bool) -> None:
    with looking(browser, service.settings.public_url, script=script) as look:
        life = Life(look.page, service, db)
        begin(life)
        choose(life)
        life.digest("The first letter")
        first = life.mail(ADA, "The first letter")
        assert "A law is passed" in text(first)
        assert "A model is tested" in text(life.mail(OTHER, "The first letter"))
        assert "A model is tested" not in first.as_string()
        move(life, first)
        life.digest("The second letter")
        second = life.mail(NEW, "The second letter")
        assert life.mailbox.of(ADA, "The second letter") == []
        pause(life, first)  # a letter to the old address; its links still work
        life.digest("The third letter")
        assert life.mailbox.of(NEW, "The third letter") == []
        leave(life, second)
        life.digest("The fourth letter")
        assert life.mailbox.of(NEW, "The fourth letter") == []
        erase(life)
        come_back(life, second)
        life.digest("The fifth letter")
        assert "A model is tested" in text(life.mail(NEW, "The fifth letter"))
        look.check()
    nothing_is_logged(service, life.mailbox)


def begin(life: Life) -> None:
    mail = life.sign_up(ADA)
    life.click_in(mail, "Confirm my subscription")
    life.press("Yes, subscribe me")
    life.says("You get the weekly letter. It has stories from all sections.")


def choose(life: Life) -> None:
    life.follow("change your preferences")
    page = life.page
    page.get_by_label("Only those I choose").check()
    page.get_by_label("Policy").check()
    page.get_by_label("Lowest trust score").select_option("60")
    life.press("Save my preferences")
    said = page.get_by_role("status").inner_text()
    assert said.startswith("Saved. You get the weekly letter. It has stories from Policy.")
    told = text(life.mail(ADA, "Your subscription to Dispatch was changed"))
    assert "It has stories from Policy." in " ".join(told.split())


def move(life: Life, letter: EmailMessage) -> None:
    life.click_in(letter, "Change your preferences")
    life.follow("Change your address")
    life.press("Email me a link")
    life.click_in(life.mail(ADA, "Change your address"), "Change my address")
    life.page.get_by_label("New email address").fill(NEW)
    life.press("Send a link to the new address")
    life.says("Check the new mailbox")
    life.click_in(life.mail(NEW, "Confirm your new address"), "Confirm my new address")
    assert life.mailbox.of(ADA, "Your address at Dispatch was changed") == []
    life.press("Yes, use this address")
    life.says("Your address is changed")
    life.mail(ADA, "Your address at Dispatch was changed")


def pause(life: Life, letter: EmailMessage) -> None:
    life.click_in(letter, "Change your preferences")
    life.says("a•••@new.example")
    assert life.page.get_by_label("Policy").is_checked()
    life.page.get_by_label("Pause until").fill(f"{clock.now() + timedelta(days=30):%Y-%m-%d}")
    life.press("Pause my letters")
    life.says("Paused until")


def leave(life: Life, letter: EmailMessage) -> None:
    life.click_in(letter, "Unsubscribe")
    life.press("Unsubscribe")
    life.says("You are unsubscribed")
    life.press("Undo: subscribe me again")
    life.says("Everything is as it was")
    life.says("Your pause still holds")
    life.follow("change your preferences")
    life.press("End the pause now")
    life.says("The pause is over")
    life.click_in(letter, "Unsubscribe")
    life.press("Unsubscribe")
    life.press("It came too often")
    life.says("Thank you for telling us why.")


def erase(life: Life) -> None:
    life.follow("see, download or erase")
    life.press("Email me a link to my data")
    life.click_in(life.mail(NEW, "Your data at Dispatch"), "Show my data")
    life.says("It came too often")
    with life.page.expect_download() as download:
        life.follow("Download it as JSON")
    kept = json.loads(Path(download.value.path()).read_text())
    assert kept["reader"]["address"] == NEW
    assert kept["preferences"]["sections"] == ["Policy"]
    assert [change["address"] for change in kept["address_changes"]] == [ADA]
    assert {letter["subject"] for letter in kept["letters"] if letter["outcome"] == "accepted"} == {
        "The first letter",
        "The second letter",
    }
    life.press("Erase my data and unsubscribe me")
    life.says("Your data is erased")
    life.mail(NEW, "is erased")


def come_back(life: Life, old: EmailMessage) -> None:
    life.click_in(old, "Change your preferences")
    life.says("This link does not work")
    redis = Queues(life.service.settings.redis_url).redis
    # As an hour later: the mailbox has no pause after the mail about the change.
    redis.delete(*redis.scan_iter("newsletter:mailboxes:*"))
    redis.close()
    life.click_in(life.sign_up(NEW), "Confirm my subscription")
    life.press("Yes, subscribe me")
    life.says("You are subscribed")


def nothing_is_logged(service: RunningService, mailbox: Mailbox) -> None:
    """Neither an address nor a token, whole or in part, from any mail that came."""
    secrets = {ADA, ADA.lower(), NEW, OTHER, "Lovelace"}
    for mail in mailbox.all():
        paths = {urlsplit(url).path for part in (html(mail), text(mail)) for url in URL.findall(part)}
        secrets |= {found[1] for path in paths if (found := re.match(r"/[\w-]+/([\w.-]{22,})", path))}
    assert len(secrets) > 10
    logs = service.logs()
    assert "web.log" in logs
    assert "worker-0.log" in logs
    assert "clock.log" in logs
    for secret in secrets:
        assert secret not in logs
        assert secret[:18] not in logs
