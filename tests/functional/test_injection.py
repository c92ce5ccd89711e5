"""No input of anybody, and no header of a request, begins a header of a mail, changes whom it goes to, or stands
in a mail that a stranger asked for.
"""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from newsletter.articles import importing, page
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing import freeze
from newsletter.delivery.sending import draining
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.mail.encoding import encode
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import addresses
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, LinkPurpose, OneTimeLink, SignupRequest, Subscriber
from tests.factories import REAL_ARTICLE, compose_mail, decide_all, form_token

HOSTILE = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ADA = "ada@example.org"
EVIL = "evil"
ENDS = ("\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\x0c", "\x00", "%0d%0a", "=0D=0A", "=?utf-8?q?=0D=0A?=")
injections = st.builds(
    "{}{}{}: {}@evil.example{}".format,
    st.sampled_from(["", "ada", ADA, "x" * 80]),
    st.sampled_from(ENDS),
    st.sampled_from(["Bcc", "To", "Subject", "Content-Type", "List-Unsubscribe", "\r\nevil"]),
    st.sampled_from(["", EVIL, '"evil" <evil']),
    st.sampled_from(["", *ENDS]),
)
typed = st.one_of(injections, st.text(max_size=30).map(lambda text: text + EVIL))
SINGLE = ["Date", "From", "To", "Subject", "Message-ID", "Reply-To", "Auto-Submitted", "MIME-Version", "Content-Type"]
"""The headers of a transactional mail."""


def read(wire: bytes) -> EmailMessage:
    return email.message_from_bytes(wire, policy=policy.default)


def mailed(db: Database, settings: Settings) -> Iterator[tuple[EmailMessage, str]]:
    """The mails that wait, as they would stand on the wire, each with its envelope's recipient; they are taken away."""
    with db.transaction() as session:
        for row in session.scalars(select(OutgoingMail)).all():
            composed = compose_mail(session, settings, row)
            session.delete(row)
            if composed is not None:
                message, recipient = composed
                yield read(encode(message).render(recipient)), recipient.address


def check_single(mail: EmailMessage, recipient: str) -> None:
    assert sorted(mail.keys()) == sorted(SINGLE)
    assert mail["To"].addresses[0].addr_spec == recipient
    assert len(mail["To"].addresses) == 1
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    for part in mail.iter_parts():
        assert EVIL not in str(part.get_content())
    assert EVIL not in "".join(str(value) for name, value in mail.items() if name != "To")


def forget(db: Database) -> None:
    """So that every example is mailed anew."""
    with db.transaction() as session:
        for table in (SignupRequest, OutgoingMail, OneTimeLink, AddressChange):
            session.execute(delete(table))
        for reader in session.scalars(select(Subscriber)):
            reader.confirmation_sent_at, reader.confirmations_sent = None, 0
            reader.change_mail_at, reader.cadence, reader.language = None, Cadence.WEEKLY, "en"


def wrong(address: str) -> bool:
    try:
        addresses.normalise(address)
    except InvalidError:
        return True
    return False


fields = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("cadence", "which", "section", "website", "breaking"), typed)
)
headers = st.fixed_dictionaries(
    {
        name: st.sampled_from(["evil.example", "evil.example:80", "evil@letters.example.org", "x/evil"])
        for name in ("X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "User-Agent", "Accept-Language")
    }
)


@HOSTILE
@given(address=st.one_of(st.just(ADA), typed), fields=fields, headers=headers)
@example(address="evil+x@example.org", fields={}, headers={"X-Forwarded-Host": "evil.example"})
def test_a_stranger_s_sign_up(
    client: FlaskClient, db: Database, settings: Settings, address: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    forget(db)
    for data in (
        {"form_token": form_token(), **fields, "email": address},
        {"form_token": form_token(), "email": address},
    ):
        assert client.post("/subscribe", data=data, headers=headers).status_code in (200, 422)
    decide_all(db, settings)
    found = list(mailed(db, settings))
    for mail, recipient in found:
        assert recipient == addresses.normalise(address)
        check_single(mail, recipient)
    assert len(found) == (0 if wrong(address) else 1)


@HOSTILE
@given(address=st.one_of(st.just("new@example.org"), typed), fields=fields, headers=headers)
def test_a_reader_s_preferences_and_a_new_address(
    client: FlaskClient, db: Database, settings: Settings, address: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    forget(db)
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        ada = session.scalars(select(Subscriber)).one()
        link = one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.ADDRESS)
    data = {**fields, "zone": address, "hour": "7", "language": address, "format": address, "email": address}
    for path in (f"/preferences/{ada.token}", f"/data-link/{ada.token}", f"/address-link/{ada.token}"):
        assert client.post(path, data=data, headers=headers).status_code in (200, 422)
    client.post(f"/preferences/{ada.token}", data={"cadence": "daily", "language": "de"}, headers=headers)
    assert client.post(f"/address/{link}", data=data, headers=headers).status_code in (200, 422)
    recipients = []
    for mail, recipient in mailed(db, settings):
        recipients.append(recipient)
        check_single(mail, recipient)
    assert recipients.count(ADA) == 3, "two links, and what a letter's link changed"
    assert set(recipients) <= {ADA, *([addresses.normalise(address)] if "new@" in address else [])}


# What editors write


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A publication whose name needs care in a header."""
    return replace(settings, publication_name='Dispatch, "the" <letter>: Über @ll')


written = typed.map(lambda text: text.replace("\0", "\v"))
"""No page with a NUL is read, and no argument of a command holds one."""
words = st.fixed_dictionaries(dict.fromkeys(("title", "section", "dek", "subject", "preheader", "intro"), written))


@hypothesis_settings(HOSTILE, max_examples=10)
@given(words=words)
def test_an_editor_s_texts(db: Database, settings: Settings, words: dict[str, str]) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    _send(db, settings, {})
    tame = _letter(settings)
    _send(db, settings, words)
    hostile = _letter(settings)
    assert hostile.keys() == tame.keys()
    assert [part.get_content_type() for part in hostile.walk()] == [part.get_content_type() for part in tame.walk()]
    for name in tame:
        if name not in ("Subject", "Message-ID", "Date", "Content-Type"):
            assert hostile[name] == tame[name], name
    assert "\n" not in hostile["Subject"]
    assert [one.addr_spec for one in hostile["To"].addresses] == [ADA]
    assert hostile.defects == tame.defects == []


def _send(db: Database, settings: Settings, words: dict[str, str]) -> None:
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    article: dict[str, Any] = {name: words[name] for name in ("title", "section", "dek") if name in words}
    with db.transaction() as session:
        importing.import_page(session, replace(real, date=date(2026, 5, 2), **article))
        digest = composing.compose_draft(
            session,
            Rule(Cadence.WEEKLY, since=date(2026, 1, 1), limit=1),
            subject="A subject",
            preheader="",
        )
        for name in ("subject", "preheader", "intro"):
            if name in words:
                setattr(digest, name, words[name])  # as it may stand in a row: composing refuses control characters
        scheduling.send_now(session, settings, digest.id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest.id)
    draining.drain(runtime())


def _letter(settings: Settings) -> EmailMessage:
    """The one letter in the mailbox, which is emptied."""
    (path,) = (settings.maildir / "new").iterdir()
    mail = read(path.read_bytes())
    path.unlink()
    return mail
