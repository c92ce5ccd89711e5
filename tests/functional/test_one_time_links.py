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
from newsletter.core.ids import AddressKey
from newsletter.core.tokens import TokenSigner
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import backoff
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.account.links import LinkError
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, LinkPurpose, Subscriber, SubscriberStatus
from tests.factories import compose_mail, no_pauses

ADA = "ada@example.org"


@pytest.fixture
def ada(db: Database) -> Subscriber:
    """A reader, who is not the only one."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA), ImportedReader("bob@example.org")])
        return session.scalars(select(Subscriber).order_by(Subscriber.id)).all()[0]


def ask(db: Database, reader: Subscriber) -> int | None:
    with db.transaction() as session:
        return one_time_links.request_link(
            session, no_pauses(), session.get_one(Subscriber, reader.id, with_for_update=True), LinkPurpose.DATA
        )


def opened(db: Database, settings: Settings, token: str) -> str:
    with db.reading() as session:
        return one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.DATA, token).address


def test_one_mail_in_a_while(db: Database, ada: Subscriber) -> None:
    first = ask(db, ada)
    assert first is not None
    assert ask(db, ada) is None
    with clock.set_to(clock.now() + backoff.FIRST_PAUSE):
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
    assert max(later - earlier for earlier, later in pairwise(mailed)) <= one_time_links.LINK_AGE / timedelta(minutes=1)
    with clock.set_to(start + timedelta(minutes=4000)):
        assert "ask again in 1 day" in client.post(f"/data-link/{ada.token}").text
        with db.reading() as session:
            assert one_time_links.wait_before_next(session, ada, LinkPurpose.ADDRESS) == timedelta()
    with clock.set_to(start + timedelta(minutes=3990) + backoff.RESET_AFTER):
        assert ask(db, ada) is not None
        assert "ask again in 10 minutes" in client.post(f"/data-link/{ada.token}").text


def test_a_change_of_address_makes_the_next_link_due(db: Database, settings: Settings, ada: Subscriber) -> None:
    ask(db, ada)
    with db.transaction() as session:
        reader = session.get_one(Subscriber, ada.id)
        mail = address_change.request_change(session, no_pauses(), reader, "new@example.org")
        change = session.scalars(select(AddressChange)).one()
        address_change.change_address(session, settings, address_change.new_address_token(settings, change))
        assert mail is not None
    assert ask(db, ada) is not None


def test_the_mail_goes_to_the_reader_and_its_link_opens(db: Database, settings: Settings, ada: Subscriber) -> None:
    ask(db, ada)
    with db.reading() as session:
        row = session.scalars(select(OutgoingMail)).one()
        assert ADA not in str(row.payload)
        composed = compose_mail(session, settings, row)
    assert composed is not None
    message, recipient = composed
    assert recipient.address == ADA
    link = next(word for word in message.text.split() if "/data/" in word)
    assert f'href="{link}"' in message.html
    assert opened(db, settings, link.rpartition("/")[2]) == ADA


@pytest.mark.parametrize("status", [SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED])
def test_who_must_not_be_mailed_is_not(
    db: Database, settings: Settings, ada: Subscriber, status: SubscriberStatus
) -> None:
    mail = ask(db, ada)
    assert mail is not None
    with db.transaction() as session:
        session.get_one(Subscriber, ada.id).status = status
    with db.reading() as session:
        assert compose_mail(session, settings, session.get_one(OutgoingMail, mail)) is None
    with clock.set_to(clock.now() + backoff.FIRST_PAUSE):
        assert ask(db, ada) is None


def test_it_works_for_a_day_and_with_an_older_key(db: Database, settings: Settings, ada: Subscriber) -> None:
    token = one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.DATA)
    rotated = replace(settings, secret_key="another key for the tests", secret_key_fallbacks=(settings.secret_key,))
    assert opened(db, rotated, token) == ADA
    with clock.set_to(clock.now() + timedelta(hours=25)), pytest.raises(LinkError, match="24 hours"):
        opened(db, settings, token)


def test_a_changed_address_ends_it(db: Database, settings: Settings, ada: Subscriber) -> None:
    token = one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.DATA)
    with db.transaction() as session:
        reader = session.get_one(Subscriber, ada.id)
        reader.address = reader.address_key = AddressKey("new@example.org")
    with pytest.raises(LinkError, match="has changed"):
        opened(db, settings, token)


def test_a_token_for_something_else_opens_nothing(db: Database, settings: Settings, ada: Subscriber) -> None:
    for purpose in ("confirm", "data", "fresh.address"):
        forged = TokenSigner(settings.signing_keys, purpose).sign([ada.id, one_time_links._mailbox(ada)])
        with pytest.raises(LinkError):
            opened(db, settings, forged)
    swapped = TokenSigner(settings.signing_keys, "fresh.data").sign([ada.id + 1, one_time_links._mailbox(ada)])
    with pytest.raises(LinkError):
        opened(db, settings, swapped)
