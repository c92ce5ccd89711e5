"""Whatever puts a mail into the outgoing table queues a job for it, and only after the commit.

Sign-ups are left out: a job of their own queue decides on them and sends their mails itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, select

from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.jobs import SEND_MAILS
from newsletter.core.queue import MAIL, Queues
from newsletter.mail.models import OutgoingMail
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy.erasure import Erased
from newsletter.staff.mail_payloads import StaffLinkMail
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.mail_payloads import (
    AlreadySubscribed,
    ChangedByLink,
    Confirmation,
    NewAddress,
    OldAddress,
    OneTimeLinkMail,
)
from newsletter.subscribers.models import Subscriber
from newsletter.support.thank_you import ThankYou
from tests.factories import compose_mail
from tests.services import kofi

ADA, NEW = "ada@example.org", "ada@new.example"
OF_SIGNUPS = {Confirmation.kind, AlreadySubscribed.kind}


class FailedError(Exception):
    """The page or the command did not do what it was asked to."""


@dataclass(frozen=True)
class Scene:
    """Ada, who is subscribed, and the ways in which she and an operator can act."""

    app: Flask
    client: FlaskClient
    db: Database
    settings: Settings
    token: str

    def post(self, path: str, **form: str) -> None:
        if self.client.post(path, data=form).status_code != 200:
            raise FailedError

    def run(self, *words: str) -> None:
        if self.app.test_cli_runner().invoke(cli, list(words)).exit_code != 0:
            raise FailedError

    def follow_mail(self) -> str:
        """Take the one mail that waits out of the table; the path of its link."""
        with self.db.transaction() as session:
            row = session.scalars(select(OutgoingMail)).one()
            composed = compose_mail(session, self.settings, row)
            assert composed is not None
            session.execute(delete(OutgoingMail))
        (path,) = set(re.findall(r"https://letters\.example\.org(/\S+)", composed[0].text))
        return str(path)

    def mailed_link(self, purpose: str) -> str:
        """The path of a one-time link, which was mailed."""
        self.post(f"/{purpose}-link/{self.token}")
        return self.follow_mail()

    def new_address_link(self) -> str:
        """The path of the link in the mail to a new address."""
        self.post(self.mailed_link("address"), email=NEW)
        return self.follow_mail()


Act = Callable[[], None]
Prepare = Callable[[Scene], Act]


def request_data_link(scene: Scene) -> Act:
    return lambda: scene.post(f"/data-link/{scene.token}")


def request_address_link(scene: Scene) -> Act:
    return lambda: scene.post(f"/address-link/{scene.token}")


def request_address_change(scene: Scene) -> Act:
    path = scene.mailed_link("address")
    return lambda: scene.post(path, email=NEW)


def confirm_new_address(scene: Scene) -> Act:
    path = scene.new_address_link()
    return lambda: scene.post(path)


def erase_by_the_page(scene: Scene) -> Act:
    path = scene.mailed_link("data")
    return lambda: scene.post(f"{path}/erase")


def erase_by_the_command(scene: Scene) -> Act:
    return lambda: scene.run("subscribers", "erase", ADA, "--yes")


def invite_an_editor(scene: Scene) -> Act:
    return lambda: scene.run("editors", "add", "editor@dispatch.example")


def save_preferences(scene: Scene) -> Act:
    return lambda: scene.post(f"/preferences/{scene.token}", cadence="daily", which="all", min_trust="70")


def pause(scene: Scene) -> Act:
    until = clock.now().date() + timedelta(days=30)
    return lambda: scene.post(f"/preferences/{scene.token}/pause", until=until.isoformat())


def end_the_pause(scene: Scene) -> Act:
    with scene.db.transaction() as session:
        session.scalars(select(Subscriber)).one().paused_until = clock.now().date() + timedelta(days=30)
    return lambda: scene.post(f"/preferences/{scene.token}/pause", end="1")


def undo_unsubscribing(scene: Scene) -> Act:
    answer = scene.client.post(f"/unsubscribe/{scene.token}").text
    (undo,) = set(re.findall(r'name="undo" value="([^"]+)"', answer))
    return lambda: scene.post(f"/unsubscribe/{scene.token}/undo", undo=undo)


def pay_by_kofi(scene: Scene) -> Act:
    form = kofi.form(kofi.payload())
    return lambda: scene.post("/hooks/kofi", **form)


KINDS: dict[Prepare, str] = {
    request_data_link: OneTimeLinkMail.kind,
    request_address_link: OneTimeLinkMail.kind,
    request_address_change: NewAddress.kind,
    confirm_new_address: OldAddress.kind,
    save_preferences: ChangedByLink.kind,
    pause: ChangedByLink.kind,
    end_the_pause: ChangedByLink.kind,
    undo_unsubscribing: ChangedByLink.kind,
    erase_by_the_page: Erased.kind,
    erase_by_the_command: Erased.kind,
    invite_an_editor: StaffLinkMail.kind,
    pay_by_kofi: ThankYou.kind,
}
"""Everything that puts a mail into the table, and the kind of the mail."""


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url, kofi_verification_token=kofi.TOKEN, kofi_thank_you=True)


@pytest.fixture
def scene(app: Flask, client: FlaskClient, db: Database, settings: Settings, queues: Queues) -> Scene:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        token = session.scalars(select(Subscriber.token)).one()
    return Scene(app, client, db, settings, token)


def waiting_mails(db: Database) -> list[tuple[int, str]]:
    with db.reading() as session:
        return [(row.id, row.kind) for row in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))]


def queued_jobs(queues: Queues) -> list[str | None]:
    return [job.func_name for job in queues.queues[MAIL].jobs]


def test_every_kind_of_mail_is_here() -> None:
    assert set(KINDS.values()) == set(MAIL_TYPES) - OF_SIGNUPS


@pytest.mark.parametrize("prepare", KINDS)
def test_the_mail_has_a_job_which_finds_its_row(
    scene: Scene, queues: Queues, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = prepare(scene)
    queues.redis.flushall()
    seen: list[list[int]] = []
    enqueue_mails = Queues.enqueue_mails

    def look_and_enqueue(self: Queues) -> bool:
        seen.append([number for number, _ in waiting_mails(scene.db)])
        return enqueue_mails(self)

    monkeypatch.setattr(Queues, "enqueue_mails", look_and_enqueue)
    act()
    ((mail_id, kind),) = waiting_mails(scene.db)
    assert kind == KINDS[prepare]
    assert queued_jobs(queues) == [SEND_MAILS]
    assert seen == [[mail_id]], "another connection sees the row before the job is queued"


@pytest.mark.parametrize("prepare", KINDS)
def test_a_transaction_that_fails_queues_nothing(scene: Scene, queues: Queues, prepare: Prepare) -> None:
    act = prepare(scene)
    queues.redis.flushall()

    def fail(_connection: object) -> None:
        raise RuntimeError("the database is lost")

    event.listen(scene.db.engine, "commit", fail)
    try:
        with pytest.raises(FailedError):
            act()
    finally:
        event.remove(scene.db.engine, "commit", fail)
    assert waiting_mails(scene.db) == []
    assert queued_jobs(queues) == []
