"""Leaving: a page with a button, and one click from the mail program (RFC 8058)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.core.tokens import random_token
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.models import Status, Subscriber

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(db: Database) -> str:
    """The unsubscribe link of an active reader, who is not the only one."""
    with db.transaction() as session:
        import_rows(session, [Reader("ada@example.org"), Reader("bob@example.org")])
        return f"/unsubscribe/{session.scalars(select(Subscriber.token).order_by(Subscriber.id)).first()}"


def reader(db: Database, address: str = "ada@example.org") -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.address == address)).one()


def test_the_page_shows_a_button_and_changes_nothing(client: FlaskClient, db: Database, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "a•••@example.org" in page.text
    assert "ada@" not in page.text
    assert "<button>Send me no more letters</button>" in page.text
    client.head(link)
    client.options(link)
    assert reader(db).status == Status.ACTIVE


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
def test_a_post_leaves_at_once_without_cookie_or_redirect(
    client: FlaskClient, db: Database, link: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = client.post(link, headers=headers, **body)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "gets no more letters" in answer.text
    gone = reader(db)
    assert gone.status == Status.LEFT
    assert gone.left_at is not None
    assert reader(db, "bob@example.org").status == Status.ACTIVE


def test_a_repeat_is_fine_and_keeps_the_first_time(client: FlaskClient, db: Database, link: str) -> None:
    first = client.post(link)
    left_at = reader(db).left_at
    with clock.set_to(clock.now() + timedelta(days=400)):
        assert client.post(link, data=ONE_CLICK).text == first.text.replace("© 2026", f"© {clock.now().year}")
    assert reader(db).left_at == left_at
    assert "You have left" in client.get(link).text


@pytest.mark.parametrize("ended", [Status.BOUNCED, Status.COMPLAINED])
def test_leaving_does_not_hide_why_an_address_ended(
    client: FlaskClient, db: Database, link: str, ended: Status
) -> None:
    with db.transaction() as session:
        session.scalars(select(Subscriber).where(Subscriber.address == "ada@example.org")).one().status = ended
    assert client.post(link).status_code == 200
    assert reader(db).status == ended


def test_nobody_leaves_by_a_token_that_is_nobody_s(client: FlaskClient, db: Database, link: str) -> None:
    for token in (random_token(), link[-22:].swapcase(), link[-22:-1], link[-22:] + "x"):
        for answer in (client.get(f"/unsubscribe/{token}"), client.post(f"/unsubscribe/{token}", data=ONE_CLICK)):
            assert answer.status_code == 404
            assert "This link does not work" in answer.text
    assert reader(db).status == Status.ACTIVE
