"""Unsubscribing: a page with a button, and one click from the mail program (RFC 8058)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.core.ids import AddressKey
from newsletter.core.tokens import random_token
from newsletter.subscribers.account import one_time_links, unsubscribing
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import (
    LinkPurpose,
    Subscriber,
    SubscriberStatus,
    SuppressionReason,
    UnsubscribeReason,
)
from newsletter.subscribers.suppression import suppressions

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(db: Database) -> str:
    """The unsubscribe link of an active reader, who is not the only one."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org"), ImportedReader("bob@example.org")])
        return f"/unsubscribe/{session.scalars(select(Subscriber.token).order_by(Subscriber.id)).first()}"


def reader(db: Database, address: str = "ada@example.org") -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address == address)).one()


def test_the_page_shows_a_button_and_changes_nothing(client: FlaskClient, db: Database, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "a•••@example.org" in page.text
    assert "ada@" not in page.text
    assert "<button>Unsubscribe</button>" in page.text
    client.head(link)
    client.options(link)
    assert reader(db).status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"data": ONE_CLICK, "content_type": "multipart/form-data"},
        {"data": b"List-Unsubscribe=One-Click"},
        {"data": b"--broken", "content_type": "multipart/form-data; boundary=x"},
        {"json": ONE_CLICK},
        {},
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}])
def test_a_post_unsubscribes_at_once_without_cookie_or_redirect(
    client: FlaskClient, db: Database, link: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = client.post(link, headers=headers, **body)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "gets no more letters" in answer.text
    gone = reader(db)
    assert gone.status == SubscriberStatus.UNSUBSCRIBED
    assert gone.unsubscribed_at is not None
    assert reader(db, "bob@example.org").status == SubscriberStatus.ACTIVE


def test_a_repeat_is_fine_and_keeps_the_first_time(client: FlaskClient, db: Database, link: str) -> None:
    client.post(link)
    unsubscribed_at = reader(db).unsubscribed_at
    assert "gets no more letters" in client.post(link, data=ONE_CLICK).text
    with clock.set_to(clock.now() + timedelta(days=400)):
        assert "gets no more letters" in client.post(link, data=ONE_CLICK).text
    assert reader(db).unsubscribed_at == unsubscribed_at
    assert "You are unsubscribed" in client.get(link).text


@pytest.mark.parametrize("ended", [SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED])
def test_unsubscribing_does_not_hide_why_a_subscription_ended(
    client: FlaskClient, db: Database, link: str, ended: SubscriberStatus
) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber).where(Subscriber.address == "ada@example.org")).one().status = ended
    assert client.post(link).status_code == 200
    assert reader(db).status == ended


def test_a_token_that_is_nobody_s_unsubscribes_nobody(client: FlaskClient, db: Database, link: str) -> None:
    for token in (random_token(), link[-22:].swapcase(), link[-22:-1], link[-22:] + "x"):
        for answer in (client.get(f"/unsubscribe/{token}"), client.post(f"/unsubscribe/{token}", data=ONE_CLICK)):
            assert answer.status_code == 404
            assert "This link does not work" in answer.text
    assert reader(db).status == SubscriberStatus.ACTIVE


def test_an_old_link_works_after_a_change_of_address_and_of_the_key(
    client: FlaskClient, app: Flask, db: Database, settings: Settings, link: str
) -> None:
    with db.transaction() as session:
        found = session.scalars(select(Subscriber).where(Subscriber.address == "ada@example.org")).one()
        found.address = found.address_key = AddressKey("new@example.org")
    rotated = create_app(replace(settings, secret_key="another key for the tests"))
    assert rotated.test_client().post(link, data=ONE_CLICK).status_code == 200
    assert reader(db, "new@example.org").status == SubscriberStatus.UNSUBSCRIBED
    rotated.extensions["newsletter"].db.dispose()


def undo_of(page: str) -> str:
    """The token that a page's undo posts; "" when the page has none."""
    found = re.search(r'name="undo" value="([^"]+)"', page)
    return found[1] if found else ""


def test_the_answer_can_undo_it_and_everything_is_as_it_was(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber).order_by(Subscriber.id)).first().paused_until = date(2027, 1, 31)  # type: ignore[union-attr]
    before = columns(reader(db))
    page = client.post(link).text
    assert "Undo" in page
    page = client.post(f"{link}/reason", data={"reason": "often", "undo": undo_of(page)}).text
    assert "Undo" in page
    with clock.set_to(clock.now() + timedelta(minutes=59)):
        for _ in range(2):
            page_after = client.post(f"{link}/undo", data={"undo": undo_of(page)}).text
            assert "You are subscribed again" in page_after
            assert "you get no letters until 31 January 2027" in page_after
        assert columns(reader(db)) | {"change_mail_at": None} == before


def test_no_other_page_can_undo_it(client: FlaskClient, db: Database, link: str) -> None:
    """Letters are forwarded: who has one may open its links, and press what they show."""
    client.post(link)
    for page in (
        client.get(link),
        client.get(f"{link}/undo"),
        client.get(f"{link}/reason"),
        client.post(link),
        client.post(link, data=ONE_CLICK),
        client.post(f"{link}/reason", data={"reason": "often"}),
        client.get(link.replace("unsubscribe", "preferences")),
    ):
        assert page.status_code == 200
        assert "Undo" not in page.text
        assert undo_of(page.text) == ""
        assert 'href="/subscribe"' in page.text
    assert client.post(f"{link}/undo").status_code == 409
    assert reader(db).status == SubscriberStatus.UNSUBSCRIBED


def test_a_token_undoes_one_end_of_one_reader(client: FlaskClient, db: Database, settings: Settings, link: str) -> None:
    ada = reader(db)
    with clock.set_to(clock.now() - timedelta(minutes=1)):
        earlier = undo_of(client.post(link).text)
        client.post(f"{link}/undo", data={"undo": earlier})
    bob = undo_of(client.post(f"/unsubscribe/{reader(db, 'bob@example.org').token}").text)
    present = undo_of(client.post(link).text)
    other_purpose = one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.DATA)
    for token in (earlier, bob, other_purpose, ada.token, present[:-1], "", "x" * 5000):
        answer = client.post(f"{link}/undo", data={"undo": token})
        assert answer.status_code == 409
        assert "To get letters again, sign up again" in answer.text
    assert reader(db).status == SubscriberStatus.UNSUBSCRIBED
    assert client.post(f"{link}/undo", data={"undo": present}).status_code == 200
    assert reader(db).status == SubscriberStatus.ACTIVE


def test_after_an_hour_it_needs_a_new_sign_up(client: FlaskClient, db: Database, link: str) -> None:
    token = undo_of(client.post(link).text)
    with clock.set_to(clock.now() + timedelta(hours=1, seconds=1)):
        answer = client.post(f"{link}/undo", data={"undo": token})
        assert answer.status_code == 409
        assert "To get letters again, sign up again" in answer.text
        assert "Undo" not in client.post(f"{link}/reason", data={"reason": "often", "undo": token}).text
    assert reader(db).status == SubscriberStatus.UNSUBSCRIBED


@pytest.mark.parametrize("reason", [SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED])
@pytest.mark.parametrize("known", [True, False])
def test_it_cannot_be_undone_when_the_address_takes_no_mail_any_more(
    client: FlaskClient, db: Database, settings: Settings, link: str, reason: SuppressionReason, known: bool
) -> None:
    token = undo_of(client.post(link).text)
    with db.transaction() as session:
        suppressions.suppress(session, settings.suppression_key, AddressKey("ada@example.org"), reason)
        if known:
            session.scalars(select(Subscriber).order_by(Subscriber.id)).first().status = str(reason)  # type: ignore[union-attr]
    answer = client.post(f"{link}/undo", data={"undo": token})
    assert answer.status_code == 409
    assert "we do not write to it any more" in answer.text
    assert reader(db).status != SubscriberStatus.ACTIVE


def test_a_provider_s_unsubscription_can_be_undone_too(
    client: FlaskClient, db: Database, settings: Settings, link: str
) -> None:
    token = undo_of(client.post(link).text)
    with db.transaction() as session:
        suppressions.suppress(
            session, settings.suppression_key, AddressKey("ada@example.org"), SuppressionReason.UNSUBSCRIBED
        )
    assert client.post(f"{link}/undo", data={"undo": token}).status_code == 200
    with db.reading() as session:
        assert not suppressions.is_suppressed(session, settings.suppression_key, AddressKey("ada@example.org"))


def test_a_pending_reader_can_unsubscribe_and_undo_it(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        ada = session.scalars(select(Subscriber).where(Subscriber.address == "ada@example.org")).one()
        ada.status, ada.confirmed_at = SubscriberStatus.PENDING, None
    assert "is not confirmed" in client.get(link).text
    page = client.post(link).text
    assert "You are unsubscribed" in page
    assert reader(db).status == SubscriberStatus.UNSUBSCRIBED
    assert "is not confirmed yet" in client.post(f"{link}/undo", data={"undo": undo_of(page)}).text
    assert reader(db).status == SubscriberStatus.PENDING


def test_a_reader_whose_row_is_gone_gets_a_kind_page(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        session.delete(session.scalars(select(Subscriber).where(Subscriber.address == "ada@example.org")).one())
    for answer in (client.get(link), client.post(link, data=ONE_CLICK)):
        assert answer.status_code == 404
        assert "no letter comes any more" in answer.text


def test_one_press_says_why_and_the_last_word_counts(client: FlaskClient, db: Database, link: str) -> None:
    page = client.post(link).text
    assert page.count('name="reason"') == len(UnsubscribeReason) == 4
    for reason in UnsubscribeReason:
        answer = client.post(f"{link}/reason", data={"reason": str(reason)})
        assert answer.status_code == 200
        assert "Thank you for telling us why" in answer.text
        assert 'name="reason"' not in answer.text
        assert reader(db).unsubscribe_reason == reason
    with db.reading() as session:
        assert unsubscribing.reason_counts(session, clock.now() - timedelta(hours=1)) == {UnsubscribeReason.OTHER: 1}
        assert unsubscribing.reason_counts(session, clock.now() + timedelta(hours=1)) == {}


def test_free_words_are_no_reason_and_an_active_reader_has_none(client: FlaskClient, db: Database, link: str) -> None:
    assert client.post(f"{link}/reason", data={"reason": "often"}).status_code == 200
    assert reader(db).unsubscribe_reason is None
    client.post(link)
    for data in ({}, {"reason": "you know why"}):
        assert client.post(f"{link}/reason", data=data).status_code == 422
    assert reader(db).unsubscribe_reason is None


def test_another_site_can_neither_take_it_back_nor_say_why(client: FlaskClient, db: Database, link: str) -> None:
    form = {"reason": "trust", "undo": undo_of(client.post(link).text)}
    for path in ("undo", "reason"):
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert client.post(f"{link}/{path}", data=form, headers=foreign).status_code == 403
    assert (reader(db).status, reader(db).unsubscribe_reason) == (SubscriberStatus.UNSUBSCRIBED, None)


def columns(row: Subscriber) -> dict[str, object]:
    return {column.name: getattr(row, column.name) for column in table_of(Subscriber).columns}
