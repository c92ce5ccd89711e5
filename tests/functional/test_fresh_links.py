"""Fresh links: mailed to who asks, at most one in a while, and good only for the mailbox that got them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import Signer
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import fresh, mails
from newsletter.subscribers.fresh import Kind
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.links import LinkError
from newsletter.subscribers.models import Status, Subscriber

ADA = "ada@example.org"


@pytest.fixture
def ada(db: Database) -> Subscriber:
    """A reader, who is not the only one."""
    with db.transaction() as session:
        import_rows(session, [Reader(ADA), Reader("bob@example.org")])
        return session.scalars(select(Subscriber).order_by(Subscriber.id)).all()[0]


def ask(db: Database, reader: Subscriber) -> int | None:
    with db.transaction() as session:
        return fresh.ask(session, session.get_one(Subscriber, reader.id, with_for_update=True), Kind.DATA)


def opened(db: Database, settings: Settings, token: str) -> str:
    with db.reading() as session:
        return fresh.reader_of(session, settings.signing_keys, Kind.DATA, token).address


def test_one_mail_in_a_while(db: Database, ada: Subscriber) -> None:
    first = ask(db, ada)
    assert first is not None
    assert ask(db, ada) is None
    with clock.set_to(clock.now() + fresh.PERIOD):
        assert ask(db, ada) is not None
        assert ask(db, ada) is None


def test_the_mail_goes_to_the_reader_and_its_link_opens(db: Database, settings: Settings, ada: Subscriber) -> None:
    ask(db, ada)
    with db.reading() as session:
        row = session.scalars(select(OutgoingMail)).one()
        assert ADA not in str(row.payload)
        composed = mails.COMPOSERS[row.kind](session, settings, row.payload, row.id)
    assert composed is not None
    message, recipient = composed
    assert recipient.address == ADA
    link = next(word for word in message.text.split() if "/data/" in word)
    assert f'href="{link}"' in message.html
    assert opened(db, settings, link.rpartition("/")[2]) == ADA


@pytest.mark.parametrize("status", [Status.BOUNCED, Status.COMPLAINED])
def test_who_must_not_be_mailed_is_not(db: Database, settings: Settings, ada: Subscriber, status: Status) -> None:
    mail = ask(db, ada)
    assert mail is not None
    with db.transaction() as session:
        session.get_one(Subscriber, ada.id).status = status
    with db.reading() as session:
        assert fresh.mail(session, settings, {"subscriber": ada.id, "kind": "data"}, mail) is None
    with clock.set_to(clock.now() + fresh.PERIOD):
        assert ask(db, ada) is None


def test_it_works_for_a_day_and_with_an_older_key(db: Database, settings: Settings, ada: Subscriber) -> None:
    token = fresh.token(settings.signing_keys, ada, Kind.DATA)
    rotated = replace(settings, secret_key="another key for the tests", secret_key_fallbacks=(settings.secret_key,))
    assert opened(db, rotated, token) == ADA
    with clock.set_to(clock.now() + timedelta(hours=25)), pytest.raises(LinkError, match="24 hours"):
        opened(db, settings, token)


def test_a_changed_address_ends_it(db: Database, settings: Settings, ada: Subscriber) -> None:
    token = fresh.token(settings.signing_keys, ada, Kind.DATA)
    with db.transaction() as session:
        reader = session.get_one(Subscriber, ada.id)
        reader.address = reader.address_key = "new@example.org"
    with pytest.raises(LinkError, match="has changed"):
        opened(db, settings, token)


def test_a_token_for_something_else_opens_nothing(db: Database, settings: Settings, ada: Subscriber) -> None:
    for purpose in ("confirm", "data", "fresh.address"):
        forged = Signer(settings.signing_keys, purpose).sign([ada.id, fresh._mailbox(ada)])
        with pytest.raises(LinkError):
            opened(db, settings, forged)
    swapped = Signer(settings.signing_keys, "fresh.data").sign([ada.id + 1, fresh._mailbox(ada)])
    with pytest.raises(LinkError):
        opened(db, settings, swapped)
