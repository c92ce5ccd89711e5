"""Link scanners open every link of every mail, with GET, HEAD and OPTIONS, follow what they find there, and submit the
forms that submit themselves (facts of Office 365 Safe Links and others). No row changes by it, in any table.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.actors import OPERATOR, READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.core.templates import TEMPLATES
from newsletter.delivery.sending import draining
from newsletter.mail.models import OutgoingMail
from newsletter.migrations.tables import metadata
from newsletter.operations import transactional_sending
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import erasure
from newsletter.staff import links as staff_links
from newsletter.staff import people
from newsletter.staff.rights import Role
from newsletter.subscribers.account import address_change, change_mails, one_time_links
from newsletter.subscribers.models import AddressChange, LinkChange, LinkPurpose, Subscriber
from newsletter.support import payments
from newsletter.support.kofi_payload import read_post
from tests.factories import add_article, add_readers, due_mails, no_pauses, send_digest, sign_up
from tests.services import kofi

URL = re.compile(r"""https?://[^\s"'<>]+""")
HREF = re.compile(r"""(?:href|action|src)="([^"]*)\"""")
ACTS_ITSELF = re.compile(
    r"http-equiv=.?refresh|\son[a-z]+\s*=|autofocus|javascript:|<iframe|<object|<embed", re.IGNORECASE
)
"""What can submit a form without a person: a refresh, a handler of any event, an address that is a script, a frame."""
SCRIPTS = {"/zone.js", "/passkey.js"}
"""One fills in a time zone and sends nothing (tests/browser); the other waits for a press, and for the person's
device."""
FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
FIELD = re.compile(r"<(?:input|button)\b[^>]*>")
ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


@pytest.fixture
def mails(client: FlaskClient, db: Database, settings: Settings) -> dict[str, EmailMessage]:
    """Every mail that the service writes, by its subject, as it came to the mailbox."""
    add_article(db, "A story")
    add_readers(db, 3)
    send_digest(db, settings)
    draining.drain(runtime())
    with db.transaction() as session:
        first, second, third = session.scalars(select(Subscriber).order_by(Subscriber.id))
        sign_up(session, settings, "new@example.org")
        sign_up(session, settings, first.address)
        for kind in LinkPurpose:
            one_time_links.request_link(session, no_pauses(), first, kind)
        for name, set_up_at in (("invited", None), ("forgetful", clock.now())):
            editor = people.add_member(session, f"{name}@example.org", Role.EDITOR, by=OPERATOR)
            editor.set_up_at = set_up_at
            staff_links.send_link(session, settings, editor, by=OPERATOR)
        change_mails.tell_reader(session, first, LinkChange.PAUSE)
        address_change.request_change(session, no_pauses(), first, "next@example.org")
        address_change.request_change(session, no_pauses(), second, "moved@example.org")
        session.flush()
        change = session.scalars(select(AddressChange).where(AddressChange.subscriber_id == second.id)).one()
        token = address_change.new_address_token(settings, change)
        erasure.erase_subscriber(session, settings.suppression_key, third, by=READER)
        payment = read_post(kofi.body(kofi.payload()), kofi.TOKEN, settings.timezone)
        payments.store_payment(session, replace(settings, kofi_thank_you=True), payment)
    kinds = _send(db)
    with db.transaction() as session:
        address_change.change_address(session, settings, token)
    kinds |= _send(db)
    assert kinds == set(MAIL_TYPES), "a mail is missing here: let the flow write it"
    found = [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (settings.maildir / "new").iterdir()
    ]
    return {f"{mail['Subject']} to {mail['To']}": mail for mail in found}


def _send(db: Database) -> set[str]:
    with db.reading() as session:
        due = {row.id: row.kind for row in session.scalars(select(OutgoingMail))}
    assert set(due) == set(due_mails(db))
    transactional_sending.send_waiting_mails(runtime())
    return set(due.values())


def urls(mail: EmailMessage) -> Iterator[str]:
    """Every address in a mail: in its parts, and in its headers."""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            yield from map(unescape, URL.findall(part.get_content()))
    for name in ("List-Unsubscribe", "List-ID", "List-Archive"):
        yield from URL.findall(str(mail.get(name, "")))


def contents(db: Database) -> dict[str, list[str]]:
    with db.reading() as session:
        return {table.name: sorted(map(repr, session.execute(table.select()))) for table in metadata.sorted_tables}


def submits_itself(page: str) -> bool:
    """Whether a form of this page may be submitted without a press."""
    scripts = re.findall(r"<script[^>]*>", page)
    return bool(ACTS_ITSELF.search(page)) or not all(any(f'{name}"' in each for name in SCRIPTS) for each in scripts)


def submit_forms(client: FlaskClient, page: str) -> list[int]:
    """Submit every form of a page as it stands, as a script would; the statuses of the answers."""
    statuses = []
    for opening, content in FORM.findall(page):
        form = dict(ATTRIBUTE.findall(opening))
        fields = [dict(ATTRIBUTE.findall(field)) for field in FIELD.findall(content)]
        data = {field["name"]: unescape(field.get("value", "")) for field in fields if field.get("name")}
        method = form.get("method", "get").upper()
        statuses.append(client.open(unescape(form["action"]), method=method, data=data).status_code)
    return statuses


def scan(client: FlaskClient, settings: Settings, found: set[str]) -> set[str]:
    """Open what is ours of these addresses; the addresses that the pages hold."""
    further = set()
    for url in sorted(found):
        path = url.removeprefix(settings.public_url)
        if not path.startswith("/"):
            continue
        for method in ("HEAD", "OPTIONS"):
            assert client.open(path, method=method).status_code < 500, path
        answer = client.get(path)
        assert answer.status_code < 500, path
        assert "Location" not in answer.headers
        if answer.mimetype == "text/html":
            if submits_itself(answer.text):
                submit_forms(client, answer.text)
            further |= {unescape(target) for target in HREF.findall(answer.text)}
    return further


def test_scanners_change_nothing(
    client: FlaskClient, db: Database, settings: Settings, mails: dict[str, EmailMessage]
) -> None:
    found = {url for mail in mails.values() for url in urls(mail)}
    kinds = {urlsplit(url).path.split("/")[1] for url in found if url.startswith(settings.public_url)}
    assert {"unsubscribe", "preferences", "confirm", "data", "address", "new-address"} <= kinds
    before = contents(db)
    seen: set[str] = set()
    for _ in range(3):  # what mails link to, what that links to, and once more
        found -= seen
        seen |= found
        found = scan(client, settings, found)
    assert any("/data-link/" in url for url in seen)
    assert contents(db) == before


def test_every_mail_is_among_them(mails: dict[str, EmailMessage]) -> None:
    folders = {path.stem for path in (TEMPLATES / "mail" / "transactional").glob("*")} | {"digest"}
    subjects = {subject.partition(" to ")[0] for subject in mails}
    assert len(subjects) == len(folders), (subjects, folders)


@pytest.mark.parametrize(
    "page",
    [
        '<body onload="document.forms[0].submit()">',
        "<body\nonpageshow = 'f()'>",
        '<img src="x" onerror="f()">',
        "<input autofocus onfocus=f()>",
        "<details open ontoggle=f()>",
        '<meta http-equiv="refresh" content="0; url=/x">',
        "<script>document.forms[0].submit()</script>",
        '<script src="https://elsewhere.example/zone.js.js"></script>',
        '<iframe src="javascript:f()"></iframe>',
    ],
)
def test_whatever_submits_itself_is_found(page: str) -> None:
    assert submits_itself(page)
    assert not submits_itself('<form method="post" action="/x"><button>On = off</button></form>')


def test_a_form_that_submits_itself_would_change_something(
    client: FlaskClient, db: Database, settings: Settings, mails: dict[str, EmailMessage]
) -> None:
    """The proof that the scan above would notice one."""
    with db.reading() as session:
        token = session.scalars(select(Subscriber.token).order_by(Subscriber.id)).first()
    before = contents(db)
    assert submit_forms(client, client.get(f"/unsubscribe/{token}").text) == [200]
    assert contents(db) != before
