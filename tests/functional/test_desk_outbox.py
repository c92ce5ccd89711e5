"""Tests of digests from the desk, and the outbox that shows them where mail goes into a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select

from newsletter.app import create_app
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import TEST_TOKEN
from newsletter.delivery.ledger.models import Batch
from newsletter.mail import stored_mails
from newsletter.staff import sample_limits
from newsletter.staff.models import AuditEntry
from tests.factories import add_article, add_digest
from tests.services import desk
from tests.services.desk import DeskClient


@pytest.fixture(autouse=True)
def _none_counted() -> None:
    sample_limits.forget_local()


@pytest.fixture
def digest(db: Database) -> int:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A <b>research</b> story", section="Research", trust=50)
    return add_digest(db)


def first_mail(person: DeskClient) -> str:
    """The path of the newest mail."""
    found = re.search(r'<ol class="mails" data-keys>\s*<li><a href="([^"?#]+)', person.get("/desk/outbox").text)
    assert found
    return found[1]


def test_a_test_goes_to_colleagues_as_the_edition_that_was_chosen(
    db: Database, admin: DeskClient, editor: DeskClient, digest: int
) -> None:
    page = admin.get(f"/desk/digests/{digest}/test").text
    assert f'name="to" value="{admin.number}" checked' in page, "oneself"
    data = {"to": [str(editor.number)], "section": ["Research"], "format": "text", "language": "de", "min_trust": "0"}
    assert admin.post(f"/desk/digests/{digest}/test", data).status_code == 303
    mail = admin.get(f"{first_mail(admin)}?part=text").text
    assert "[Test] " in mail
    assert "editor@dispatch.example" in mail
    assert "A <b>research</b> story" in unescape(mail)
    assert "A policy story" not in mail
    assert f"/unsubscribe/{TEST_TOKEN}" in unescape(mail)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "digests.tested")).one()
    assert (entry.staff_member_id, entry.object_id, entry.details) == (admin.number, digest, {"to": editor.number})


def test_the_links_of_a_test_say_what_they_are(editor: DeskClient) -> None:
    for path in ("unsubscribe", "preferences"):
        answer = editor.client.get(f"/{path}/{TEST_TOKEN}")
        assert answer.status_code == 404
        assert "This email was a test by our editors." in answer.text
    assert editor.client.post(f"/unsubscribe/{TEST_TOKEN}", data={"List-Unsubscribe": "One-Click"}).status_code == 404


def test_who_and_how_many_is_limited(
    db: Database, editor: DeskClient, author: DeskClient, digest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/desk/digests/{digest}/test"
    assert author.post(path, {"to": str(author.number)}).status_code == 403
    for data, sentence in (
        ({}, "Choose somebody to send it to."),
        ({"to": "999"}, "Choose somebody to send it to."),
        ({"to": str(editor.number), "min_trust": "101"}, "lowest trust"),
        ({"to": str(editor.number), "section": "Gardening"}, "fits these preferences"),
    ):
        answer = editor.post(path, data)
        assert answer.status_code == 422
        assert sentence in answer.text
    monkeypatch.setattr(sample_limits, "MOST_SAMPLES", 3)
    statuses = [editor.post(path, {"to": str(editor.number)}).status_code for _ in range(4)]
    assert statuses[-1] == 422
    assert 303 in statuses
    sample_limits.count_samples(Redis.from_url("unix:///nowhere/valkey.sock"), author.number, 1)
    assert editor.post(path, {"to": str(editor.number)}).status_code == 422, "another's test brings no more of mine"


def test_what_was_chosen_stays_where_a_test_is_refused(editor: DeskClient, digest: int) -> None:
    chosen = {"section": "Research", "min_trust": "eighty", "max_hype": "Low hype", "format": "text", "language": "de"}
    answer = editor.post(f"/desk/digests/{digest}/test", {"to": str(editor.number), **chosen})
    assert answer.status_code == 422
    assert "a number from 0 to 100" in answer.text
    for field in (
        'name="section" value="Research" checked',
        'name="min_trust" class="fit" size="3" inputmode="numeric" value="eighty"',
        "<option selected>Low hype",
        '<option value="text" selected>',
        '<option value="de" selected>',
    ):
        assert field in answer.text, field


def test_a_mail_is_shown_sandboxed_and_in_all_its_parts(admin: DeskClient, editor: DeskClient, digest: int) -> None:
    assert "No mail yet." in admin.get("/desk/outbox").text
    admin.post(f"/desk/digests/{digest}/test", {"to": str(admin.number)})
    path = first_mail(admin)
    page = admin.get(path).text
    assert "Nothing here has left this machine." in page
    assert "<code>MAIL_TRANSPORT</code>" in page
    assert f'<iframe src="{path}/html" title="The mail" sandbox=""></iframe>' in page
    assert f'href="{path}?part=text#mail-head"' in page, "on a phone the list stands above the mail"
    framed = admin.get(f"{path}/html")
    assert "sandbox;" in framed.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed.headers
    assert "<!doctype html" in framed.text.lower()
    assert "List-Unsubscribe-Post" in admin.get(f"{path}?part=headers").text
    assert "Content-Type: multipart/alternative" in unescape(admin.get(f"{path}?part=source").text)
    whole = admin.get(f"{path}/source")
    assert whole.mimetype == "message/rfc822"
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert "[Test]" in admin.get("/desk/outbox?q=ADMIN@dispatch").text
    assert "No mail fits" in admin.get("/desk/outbox?q=nobody@").text
    for wrong in ("nothing", "..", "%2e%2e%2fnewsletter.sqlite3", "..%2f..%2fnewsletter.sqlite3"):
        assert admin.get(f"/desk/outbox/{wrong}").status_code in (303, 308, 404)
        assert admin.get(f"/desk/outbox/{wrong}/source").status_code in (308, 404)
    assert editor.get(path).status_code == 403, "mails name readers, and hold their links"


def test_the_folder_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a mail for each reader."""
    for place in ("new", "cur"):
        (tmp_path / place).mkdir()
    reads: list[Path] = []
    files = stored_mails._files

    def noted(folder: Path) -> Iterator[stored_mails.MailFile]:
        reads.append(folder)
        return files(folder)

    monkeypatch.setattr(stored_mails, "_files", noted)

    def add(place: str, name: str, seconds: int) -> None:
        (tmp_path / place / name).write_bytes(b"Subject: A letter\r\nTo: ada@readers.example\r\n\r\nHi")
        for path in (tmp_path / place / name, tmp_path / place):
            os.utime(path, (seconds, seconds))

    def listed(words: str = "") -> list[str]:
        assert stored_mails.count_mails(tmp_path) == sum(len(list(place.iterdir())) for place in tmp_path.iterdir())
        return [head.name for head in stored_mails.newest_mails(tmp_path, 10, words=words)]

    add("new", "a", 1000)
    add("cur", "b:2,S", 2000)
    assert (listed(), listed("letter"), listed("nobody"), len(reads)) == (["b", "a"], ["b", "a"], [], 1)
    add("new", "c", 3000)
    assert (listed(), len(reads)) == (["c", "b", "a"], 2)
    (tmp_path / "new" / "d").write_bytes(b"Subject: At this moment\r\n\r\n")
    assert listed() == listed() == ["d", "c", "b", "a"], "a folder that changes is read each time"
    assert stored_mails.read_mail(tmp_path, "b").head.name == "b"


def test_a_real_transport_has_no_outbox(settings: Settings, db: Database) -> None:
    app: Flask = create_app(replace(settings, mail_transport="smtp"))
    person = desk.sign_in(app, db, settings, desk.add_person(db, name="Other", email="other@dispatch.example"))
    assert person.get("/desk/outbox").status_code == 404
    assert "Outbox" not in person.get("/desk").text
    app.extensions["newsletter"].db.dispose()
