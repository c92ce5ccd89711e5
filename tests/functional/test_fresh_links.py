"""Fresh links: mailed to who asks, at most one in a while, and good only for the mailbox that got them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import Signer
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import deciding, fresh, mails, moving
from newsletter.subscribers.fresh import Kind
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.links import LinkError
from newsletter.subscribers.models import AddressChange, Status, Subscriber

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
    with clock.set_to(clock.now() + deciding.PERIOD):
        assert ask(db, ada) is not None
        assert ask(db, ada) is None


def test_whoever_goes_on_asking_brings_a_mail_a_day_at_last(
    client: FlaskClient, db: Database, settings: Settings, ada: Subscriber
) -> None:
    """A forwarded letter is enough to ask. One link that works is always there."""
    start, mailed = clock.now(), []
    for minute in range(0, 3 * 1440, 10):
        with clock.set_to(start + timedelta(minutes=minute)):
            if ask(db, ada) is not None:
                mailed.append(minute)
    assert mailed == [0, 10, 30, 70, 150, 310, 630, 1270, 2550, 3990]
    assert max(later - earlier for earlier, later in pairwise(mailed)) <= fresh.AGE / timedelta(minutes=1)
    with clock.set_to(start + timedelta(minutes=4000)):
        assert "ask again in 1 day" in client.post(f"/data-link/{ada.token}").text
        with db.reading() as session:
            assert fresh.wait(session, ada, Kind.ADDRESS) == timedelta()
    with clock.set_to(start + timedelta(minutes=3990) + deciding.FRESH_AFTER):
        assert ask(db, ada) is not None
        assert "ask again in 10 minutes" in client.post(f"/data-link/{ada.token}").text


def test_a_change_of_address_makes_the_next_link_due(db: Database, settings: Settings, ada: Subscriber) -> None:
    ask(db, ada)
    with db.transaction() as session:
        reader = session.get_one(Subscriber, ada.id)
        mail = moving.ask(session, reader, "new@example.org")
        change = session.scalars(select(AddressChange)).one()
        moving.move(session, settings, moving.new_address_token(settings, change))
        assert mail is not None
    assert ask(db, ada) is not None


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
    with clock.set_to(clock.now() + deciding.PERIOD):
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
