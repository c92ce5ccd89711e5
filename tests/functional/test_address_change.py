"""Changing the address: by a fresh mail to the old one and a button in a mail to the new one, and back again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import backoff, retention
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, Consent, Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions
from tests.factories import compose_mail, no_pauses, sign_up

ADA, NEW = AddressKey("ada@example.org"), AddressKey("ada@new.example")


class Mailbox(NamedTuple):
    """What was mailed since it was looked into last."""

    db: Database
    settings: Settings

    def empty(self) -> list[tuple[str, str, str]]:
        """Kind, address and link of each mail."""
        found = []
        with self.db.transaction() as session:
            for row in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)):
                assert "@" not in str(row.payload)
                composed = compose_mail(session, self.settings, row)
                session.delete(row)
                if composed:
                    message, recipient = composed
                    assert recipient.address not in message.text + message.html
                    (link,) = set(re.findall(r"https://letters\.example\.org(/\S+)", message.text))
                    found.append((row.kind, recipient.address, link))
        return found

    def link(self, kind: str, address: str) -> str:
        """The link of the one mail that there is."""
        ((found, to, link),) = self.empty()
        assert (found, to) == (kind, address)
        return link


@pytest.fixture
def mailbox(db: Database, settings: Settings) -> Mailbox:
    return Mailbox(db, settings)


@pytest.fixture
def token(db: Database) -> str:
    """Ada's token; she is not the only reader, and reads German."""
    with db.transaction() as session:
        import_rows(
            session, [ImportedReader(ADA, Preferences("daily", language="de")), ImportedReader("bob@example.org")]
        )
        return session.scalars(select(Subscriber.token).where(Subscriber.address == ADA)).one()


@pytest.fixture
def form(client: FlaskClient, mailbox: Mailbox, token: str) -> str:
    """The page that takes the new address, from the mail that was asked for on the page of preferences."""
    assert f"/address-link/{token}" in client.get(f"/preferences/{token}").text
    assert "a•••@example.org" in client.get(f"/address-link/{token}").text
    assert mailbox.empty() == []
    assert "Wir haben einen Link" in client.post(f"/address-link/{token}").text
    return mailbox.link("one_time_link", ADA)


def reader(db: Database, token: str) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.token == token)).one()


def change_address(client: FlaskClient, mailbox: Mailbox, form: str, address: str = NEW) -> str:
    """Change the address of Ada; the link in the mail that tells the old one."""
    client.post(form, data={"email": address})
    link = mailbox.link("new_address", address)
    assert client.post(link).status_code == 200
    return mailbox.link("old_address", ADA)


def test_a_change_of_address_from_request_to_undo(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    assert 'name="email"' in client.get(form).text
    page = client.post(form, data={"email": f" {NEW} "})
    assert f"Wir haben einen Link an <strong>{NEW}</strong> geschickt" in page.text
    link = mailbox.link("new_address", NEW)
    page_before = client.get(link)
    assert "kommt an <strong>a•••@new.example</strong>" in page_before.text
    assert "example.org" not in page_before.text.replace("letters.example.org", "")  # a stranger's, if it was mistyped
    assert reader(db, token).address == ADA
    assert "Ihre Adresse ist geändert" in client.post(link).text
    ada = reader(db, token)  # the token in old mails stays
    assert (ada.address, ada.address_key, ada.status) == (NEW, NEW, SubscriberStatus.ACTIVE)
    assert Preferences.of(ada) == Preferences("daily", language="de")
    assert "a•••@new.example" in client.get(f"/preferences/{token}").text
    mailbox.link("old_address", ADA)
    with db.reading() as session:
        consent = session.scalars(select(Consent)).one()
    assert consent.subscriber_id == ada.id
    assert consent.wording in page_before.text
    assert (consent.page, consent.confirmed_at is not None) == ("/new-address", True)


def test_a_repeat_is_fine_and_tells_nobody_again(client: FlaskClient, mailbox: Mailbox, form: str) -> None:
    client.post(form, data={"email": NEW})
    link = mailbox.link("new_address", NEW)
    client.post(link)
    assert len(mailbox.empty()) == 1
    assert "Ihre Adresse ist geändert" in client.post(link).text
    assert "Ihre Adresse ist geändert" in client.get(link).text
    assert mailbox.empty() == []


def test_the_old_address_takes_it_back(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    back = change_address(client, mailbox, form)
    assert "kommt wieder an <strong>a•••@example.org</strong>" in client.get(back).text
    assert reader(db, token).address == NEW
    assert "Die Änderung ist rückgängig gemacht" in client.post(back).text
    assert (reader(db, token).address, reader(db, token).address_key) == (ADA, ADA)
    assert mailbox.empty() == []
    assert client.post(back).status_code == 404
    assert reader(db, token).address == ADA


@pytest.mark.parametrize(
    "reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED]
)
def test_what_became_of_it_at_the_new_address_is_not_held_against_the_old_one(
    client: FlaskClient,
    db: Database,
    settings: Settings,
    mailbox: Mailbox,
    form: str,
    token: str,
    reason: SuppressionReason,
) -> None:
    """A reader whose row said bounced or complained could never sign up again, though no mail to them did."""
    back = change_address(client, mailbox, form)
    if reason is SuppressionReason.UNSUBSCRIBED:
        client.post(f"/unsubscribe/{token}")
    else:
        with db.transaction() as session:
            suppressions.suppress(session, settings.suppression_key, NEW, reason)
            session.scalars(select(Subscriber).where(Subscriber.token == token)).one().status = SubscriberStatus(reason)
    assert client.post(back).status_code == 200
    ada = reader(db, token)
    assert (ada.address, ada.status, ada.unsubscribed_at) == (ADA, SubscriberStatus.ACTIVE, None)
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, ADA)
        assert suppressions.reason_for(session, settings.suppression_key, NEW) == reason


def test_what_was_given_up_is_not_imported_again(
    client: FlaskClient, db: Database, settings: Settings, mailbox: Mailbox, form: str
) -> None:
    """An old list holds the old address; it may sign up anew, and taking the change back is no import."""
    back = change_address(client, mailbox, form)
    with db.reading() as session:
        assert suppressions.reason_for(session, settings.suppression_key, ADA) == SuppressionReason.UNSUBSCRIBED
        assert not suppressions.is_suppressed(session, settings.suppression_key, NEW)
    client.post(back)
    with db.transaction() as session:
        assert suppressions.reason_for(session, settings.suppression_key, NEW) == SuppressionReason.UNSUBSCRIBED
        assert not suppressions.is_suppressed(session, settings.suppression_key, ADA)
        assert sign_up(session, settings, NEW) is not None


def test_another_spelling_of_the_same_address_is_not_given_up(
    client: FlaskClient, db: Database, settings: Settings, mailbox: Mailbox, form: str, token: str
) -> None:
    change_address(client, mailbox, form, "ADA@example.org")
    assert reader(db, token).address == "ADA@example.org"
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, ADA)


def test_an_earlier_one_time_link_cannot_change_the_address_again(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    """Taking it back makes the address the one that the link was mailed to."""
    client.post(f"/data-link/{token}")
    data = mailbox.link("one_time_link", ADA)
    client.post(change_address(client, mailbox, form))
    assert reader(db, token).address == ADA
    assert client.post(form, data={"email": "evil@third.example"}).status_code == 404
    assert client.get(data).status_code == 404
    assert mailbox.empty() == []


def test_nobody_can_take_the_way_back_away(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    """Somebody who changed it against the reader's will would change it again at once."""
    with clock.set_to(clock.now()):
        back = change_address(client, mailbox, form)
    with clock.set_to(clock.now() + timedelta(hours=1)):
        client.post(f"/address-link/{token}")
        page = client.post(mailbox.link("one_time_link", NEW), data={"email": "evil@third.example"})
        assert page.status_code == 409
        assert mailbox.empty() == []
        assert client.post(back).status_code == 200
    assert reader(db, token).address == ADA


def test_after_a_week_the_address_can_be_changed_again(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    back = change_address(client, mailbox, form)
    with clock.set_to(clock.now() + address_change.LINK_AGE + timedelta(minutes=1)):
        assert client.post(back).status_code == 404
        client.post(f"/address-link/{token}")
        client.post(mailbox.link("one_time_link", NEW), data={"email": "ada@third.example"})
        client.post(mailbox.link("new_address", "ada@third.example"))
    assert reader(db, token).address == "ada@third.example"


@pytest.mark.parametrize(
    "new", ["bob@example.org", "BOB@Example.org", ADA, "bounced@example.org", "complained@example.org"]
)
def test_the_answer_is_the_same_whoevers_it_is(
    client: FlaskClient, db: Database, settings: Settings, mailbox: Mailbox, form: str, new: str
) -> None:
    with db.transaction() as session:
        for reason in (SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED):
            suppressions.suppress(session, settings.suppression_key, AddressKey(f"{reason}@example.org"), reason)
    page = client.post(form, data={"email": new})
    assert page.status_code == 200
    assert mailbox.empty() == []
    with clock.set_to(clock.now() + backoff.FIRST_PAUSE):
        fine = client.post(form, data={"email": "ada@example.org.example"})
        assert len(mailbox.empty()) == 1
    masked = re.compile(r"<strong>[^<]*</strong>")
    assert masked.sub("", page.text) == masked.sub("", fine.text)


@pytest.mark.parametrize("new", ["bob@example.org", "complained@example.org", NEW])
def test_the_next_request_does_not_tell_who_has_the_address(
    client: FlaskClient, db: Database, settings: Settings, mailbox: Mailbox, form: str, new: str
) -> None:
    """A reader could find out who else is one: by whether their own next wish is mailed, or what is written."""
    with db.transaction() as session:
        suppressions.suppress(
            session, settings.suppression_key, AddressKey("complained@example.org"), SuppressionReason.COMPLAINED
        )
    client.post(form, data={"email": new})
    with db.reading() as session:
        assert session.scalars(select(AddressChange.address)).all() == [new]
        assert session.scalars(select(OutgoingMail.kind)).all() == ["new_address"]
    mailbox.empty()
    client.post(form, data={"email": "mine@new.example"})
    assert mailbox.empty() == []


def test_many_readers_cannot_bomb_an_address_nor_keep_it_from_its_owner(db: Database, mailbox: Mailbox) -> None:
    """One each five minutes: the pauses double, as for sign-ups, and those who ask in vain make none longer."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader(f"r{number}@evil.example") for number in range(70)])
        readers = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()
    start, mails = clock.now(), []
    for number, one in enumerate(readers):
        with clock.set_to(start + timedelta(minutes=5 * number)):
            with db.transaction() as session:
                address_change.request_change(session, no_pauses(), session.get_one(Subscriber, one.id), NEW)
            mails += [5 * number] * len(mailbox.empty())
    assert mails == [0, 10, 30, 70, 150, 310]


def test_one_mail_in_a_while_for_a_reader_and_for_an_address(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str
) -> None:
    with db.reading() as session:
        bob = session.scalars(select(Subscriber.token).where(Subscriber.address == "bob@example.org")).one()
    client.post(f"/address-link/{bob}")
    bobs_form = mailbox.link("one_time_link", "bob@example.org")
    for _ in range(3):
        assert client.post(form, data={"email": NEW}).status_code == 200
        assert client.post(bobs_form, data={"email": NEW}).status_code == 200
    assert len(mailbox.empty()) == 1
    client.post(form, data={"email": "other@new.example"})
    assert mailbox.empty() == []
    mails = []
    for minutes in range(10, 150, 10):
        with clock.set_to(clock.now() + timedelta(minutes=minutes)):
            client.post(form, data={"email": "other@new.example"})
            mails += [minutes] * len(mailbox.empty())
    assert mails == [10, 30, 70]


def test_a_later_wish_ends_an_earlier_one(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    client.post(form, data={"email": "mistyped@new.example"})
    earlier = mailbox.link("new_address", "mistyped@new.example")
    with clock.set_to(clock.now() + backoff.FIRST_PAUSE):
        client.post(form, data={"email": NEW})
        later = mailbox.link("new_address", NEW)
        assert client.post(earlier).status_code == 404
        assert client.post(later).status_code == 200
    assert reader(db, token).address == NEW


def test_a_new_address_with_a_typing_mistake_can_be_seen_and_mended(
    client: FlaskClient, mailbox: Mailbox, form: str
) -> None:
    page = client.post(form, data={"email": "ada.new@gmial.com"}).text
    assert "<strong>ada.new@gmial.com</strong>" in page
    assert "Meinten Sie <strong>ada.new@gmail.com</strong>?" in page
    assert mailbox.link("new_address", "ada.new@gmial.com")


@pytest.mark.parametrize("email", ["", "nonsense", "a@b", "x" * 300 + "@example.org", "a@example.org\r\nBcc: b@c.de"])
def test_what_is_no_address_is_said_beside_the_field(
    client: FlaskClient, mailbox: Mailbox, form: str, email: str
) -> None:
    page = client.post(form, data={"email": email})
    assert page.status_code == 422
    assert 'id="email-error"' in page.text
    assert mailbox.empty() == []


def test_an_address_that_somebody_confirmed_meanwhile_is_not_given(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    client.post(form, data={"email": NEW})
    link = mailbox.link("new_address", NEW)
    with db.transaction() as session:
        import_rows(session, [ImportedReader(NEW)])
    assert client.post(link).status_code == 409
    assert reader(db, token).address == ADA
    assert mailbox.empty() == []


def test_a_sign_up_that_was_never_confirmed_gives_way(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    with db.transaction() as session:
        session.add(Subscriber(address=NEW, address_key=NEW, status=SubscriberStatus.PENDING))
    change_address(client, mailbox, form)
    assert reader(db, token).address == NEW
    with db.reading() as session:
        assert len(session.scalars(select(Subscriber)).all()) == 2


def test_a_former_subscription_of_the_new_address_does_not_matter(
    client: FlaskClient, db: Database, settings: Settings, mailbox: Mailbox, form: str
) -> None:
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, NEW, SuppressionReason.ERASED)
    change_address(client, mailbox, form)
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, NEW)


def test_old_mangled_and_foreign_links_change_nothing(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    client.post(form, data={"email": NEW})
    link = mailbox.link("new_address", NEW)
    signed = link.rpartition("/")[2]
    for wrong in (signed[:-1], signed.swapcase(), f"x{signed}", token, form.rpartition("/")[2]):
        assert client.get(f"/new-address/{wrong}").status_code == 404
        assert client.post(f"/new-address/{wrong}").status_code == 404
    assert client.post(f"/old-address/{signed}").status_code == 404
    assert client.post(f"/address/{token}", data={"email": NEW}).status_code == 404
    with clock.set_to(clock.now() + address_change.LINK_AGE + timedelta(minutes=1)):
        assert client.post(link).status_code == 404
    assert reader(db, token).address == ADA
    with clock.set_to(clock.now() + one_time_links.LINK_AGE + timedelta(minutes=1)):
        assert client.post(form, data={"email": NEW}).status_code == 404


def test_the_one_time_link_ends_with_the_change(client: FlaskClient, mailbox: Mailbox, form: str) -> None:
    change_address(client, mailbox, form)
    assert client.get(form).status_code == 404
    assert client.post(form, data={"email": "x@third.example"}).status_code == 404


def test_an_unsubscribed_reader_cannot_change_the_address(
    client: FlaskClient, db: Database, mailbox: Mailbox, form: str, token: str
) -> None:
    client.post(form, data={"email": NEW})
    link = mailbox.link("new_address", NEW)
    client.post(f"/unsubscribe/{token}")
    assert client.post(link).status_code == 409
    assert client.post(form, data={"email": "x@third.example"}).status_code == 409
    assert reader(db, token).address == ADA


def test_an_unconfirmed_change_is_deleted(client: FlaskClient, db: Database, mailbox: Mailbox, form: str) -> None:
    client.post(form, data={"email": NEW})
    with clock.set_to(clock.now() + retention.UNCONFIRMED_FOR + timedelta(minutes=1)), db.transaction() as session:
        retention.delete_unconfirmed(session)
        assert session.scalars(select(AddressChange)).all() == []
    assert mailbox.empty() == []
