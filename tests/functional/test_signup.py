"""Signing up: on the page and by POST, from here and from elsewhere, for every kind of address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import mails
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.models import Status, Subscriber
from newsletter.subscribers.signup import PERIOD
from tests.factories import add_article

ADA = "ada@example.org"
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://blog.example"}


def reader(session: Session, address: str = ADA) -> Subscriber:
    return session.scalars(select(Subscriber).where(Subscriber.address_key == address)).one()


def waiting(db: Database) -> list[OutgoingMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


def test_a_sign_up_makes_a_pending_reader_and_a_mail(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", data={"email": " Ada@Example.ORG "})
    assert answer.status_code == 200
    assert "We sent a link to <strong>A•••@example.org</strong>. It works for 7 days." in answer.text
    with db.reading() as session:
        found = reader(session)
        assert (found.address, found.status, found.cadence) == ("Ada@example.org", Status.PENDING, "weekly")
        assert (found.sections, found.min_trust, found.confirmed_at) == (None, 0, None)
    [mail] = waiting(db)
    assert (mail.kind, mail.payload["subscriber"]) == ("confirmation", found.id)
    assert "ada" not in str(mail.payload).lower()


def test_the_choices_of_the_form_are_kept(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    typed = {"email": ADA, "cadence": "daily", "which": "only", "section": ["Research", "Policy"], "min_trust": "70"}
    assert client.post("/subscribe", data=typed).status_code == 200
    with db.reading() as session:
        found = reader(session)
        assert (found.cadence, found.sections, found.min_trust) == ("daily", ["Policy", "Research"], 70)


def test_all_sections_wins_over_boxes_that_are_still_ticked(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    client.post("/subscribe", data={"email": ADA, "which": "all", "section": "Policy"})
    with db.reading() as session:
        assert reader(session).sections is None


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "ada@"}, "email"),
        ({"email": ADA, "cadence": "hourly"}, "cadence"),
        ({"email": ADA, "min_trust": "101"}, "min_trust"),
        ({"email": ADA, "min_trust": "-1"}, "min_trust"),
        ({"email": ADA, "min_trust": "٧٠"}, "min_trust"),
        ({"email": ADA, "which": "only"}, "sections"),
        ({"email": ADA, "which": "only", "section": "Sports"}, "sections"),
        ({"email": ADA, "which": "only", "section": "\x00"}, "sections"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_its_field(
    client: FlaskClient, db: Database, typed: dict[str, str], field: str
) -> None:
    add_article(db, "One", section="Policy")
    answer = client.post("/subscribe", data=typed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'<li><a href="#{field}">' in answer.text
    assert "<title>Error: " in answer.text
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
    assert waiting(db) == []


def test_what_was_typed_is_shown_again_and_stays_text(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    typed = {"email": '"><b>ada', "cadence": "monthly", "which": "only", "section": "Policy", "min_trust": "80"}
    answer = client.post("/subscribe", data=typed).text
    assert 'value="&#34;&gt;&lt;b&gt;ada"' in answer
    assert 'value="monthly" checked' in answer
    assert 'value="only" id="only" checked' in answer
    assert 'value="Policy" checked' in answer
    assert '<option value="80" selected>' in answer


@pytest.mark.parametrize("status", list(Status))
def test_the_answer_is_the_same_for_every_address(client: FlaskClient, db: Database, status: Status) -> None:
    fresh = client.post("/subscribe", data={"email": "new@example.org"}).text
    with db.transaction() as session:
        import_rows(session, [Reader("known@example.org")])
        reader(session, "known@example.org").status = status
    known = client.post("/subscribe", data={"email": "known@example.org"}).text
    assert known == fresh.replace("n•••@", "k•••@")
    assert len(waiting(db)) == (2 if status in (Status.PENDING, Status.LEFT) else 1)


def test_an_active_reader_who_signs_up_again_stays_as_they_are(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        import_rows(session, [Reader(ADA)])
    client.post("/subscribe", data={"email": ADA, "cadence": "daily", "min_trust": "90"})
    with db.reading() as session:
        found = reader(session)
        assert (found.status, found.cadence, found.min_trust) == (Status.ACTIVE, "weekly", 0)


def test_one_confirmation_mail_in_a_period(client: FlaskClient, db: Database, settings: Settings) -> None:
    start = clock.now()
    with clock.set_to(start):
        for address in (ADA, "ADA@example.org", "ada@EXAMPLE.org"):
            client.post("/subscribe", data={"email": address})
    assert len(waiting(db)) == 1
    with clock.set_to(start + PERIOD):
        client.post("/subscribe", data={"email": ADA})
    first, second = waiting(db)
    with db.reading() as session:  # a worker that comes late sends the later one alone
        assert mails.confirmation(session, settings, first.payload, first.id) is None
        assert mails.confirmation(session, settings, second.payload, second.id) is not None


def test_the_mail_holds_the_link_and_nothing_that_was_typed(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    client.post("/subscribe", data={"email": ADA})
    [row] = waiting(db)
    with db.reading() as session:
        composed = mails.COMPOSERS[row.kind](session, settings, row.payload, row.id)
    assert composed is not None
    message, recipient = composed
    assert recipient.address == ADA
    assert "https://letters.example.org/confirm/" in message.text
    for part in (message.subject, message.text, message.html):
        assert ADA not in part


def test_no_mail_is_written_for_someone_who_is_active_or_gone(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    client.post("/subscribe", data={"email": ADA})
    [row] = waiting(db)
    with db.transaction() as session:
        reader(session).status = Status.ACTIVE
    with db.reading() as session:
        assert mails.confirmation(session, settings, row.payload, row.id) is None
    with db.transaction() as session:
        session.delete(reader(session))
    with db.reading() as session:
        assert mails.confirmation(session, settings, row.payload, row.id) is None


def test_a_form_on_another_site_leads_to_a_page_of_ours(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", data={"email": ADA, "cadence": "daily"}, headers=FOREIGN)
    assert answer.status_code == 200
    assert "You come from another site" in answer.text
    assert f'value="{ADA}"' in answer.text
    assert 'value="daily" checked' in answer.text
    assert waiting(db) == []


def test_json_for_those_who_ask_for_it(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    answer = client.post("/subscribe", json={"email": ADA, "cadence": "daily", "sections": ["Policy"], "min_trust": 60})
    assert answer.status_code == 202
    assert answer.json == {"status": "confirmation_sent", "address": "a•••@example.org", "link_works_days": 7}
    with db.reading() as session:
        found = reader(session)
        assert (found.cadence, found.sections, found.min_trust) == ("daily", ["Policy"], 60)
    form = client.post("/subscribe", data={"email": ADA}, headers={"Accept": "application/json"})
    assert form.status_code == 202


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "nobody"}, {"email"}),
        ({}, {"email"}),
        ({"email": 7}, {"email"}),
        ({"email": None}, {"email"}),
        ({"email": ADA, "cadence": ["weekly"]}, {"cadence"}),
        ({"email": ADA, "sections": "Policy"}, {"sections"}),
        ({"email": ADA, "sections": [{"a": 1}]}, {"sections"}),
        ({"email": ADA, "min_trust": True}, {"min_trust"}),
        ({"email": "x", "min_trust": 1e9}, {"email", "min_trust"}),
    ],
)
def test_json_errors_name_their_fields(client: FlaskClient, body: object, fields: set[str]) -> None:
    answer = client.post("/subscribe", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert set(answer.json["errors"]) == fields


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff", b"", b"null"])
def test_json_of_another_shape_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/subscribe", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["detail"] == "Send a JSON object with a field email."


def test_json_from_another_site_is_refused(client: FlaskClient, db: Database) -> None:
    assert client.post("/subscribe", json={"email": ADA}, headers=FOREIGN).status_code == 403
    assert waiting(db) == []


def test_many_sign_ups_at_the_same_moment_make_one_reader_and_one_mail(app: Flask, db: Database) -> None:
    def post(_number: int) -> int:
        return app.test_client().post("/subscribe", data={"email": ADA}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, range(16))) == {200}
    assert len(waiting(db)) == 1
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1


def test_the_worker_is_woken_after_the_commit(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []

    def wake(_queues: object, mail_id: int) -> bool:
        with db.reading() as session:  # another connection sees the row only when it is committed
            assert session.scalar(text("SELECT count(*) FROM outgoing_mail")) == 1
        woken.append(mail_id)
        return True

    monkeypatch.setattr("newsletter.core.queue.Queues.wake_mail", wake)
    client.post("/subscribe", data={"email": ADA})
    client.post("/subscribe", data={"email": ADA})
    assert woken == [mail.id for mail in waiting(db)]


def test_a_reader_who_left_can_come_back(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        import_rows(session, [Reader(ADA)])
        reader(session).status = Status.LEFT
        reader(session).left_at = clock.now() - timedelta(days=3)
    client.post("/subscribe", data={"email": ADA, "cadence": "monthly"})
    with db.reading() as session:
        assert (reader(session).status, reader(session).cadence) == (Status.LEFT, "monthly")
    assert len(waiting(db)) == 1
