"""Signing up: on the page and by POST, from here and from elsewhere, for every kind of address."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.importing import Reader, import_rows
from newsletter.subscribers.models import SignupRequest, Status, Subscriber
from tests.factories import add_article

ADA = "ada@example.org"
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://blog.example"}


def reader(session: Session, address: str = ADA) -> Subscriber:
    return session.scalars(select(Subscriber).where(Subscriber.address_key == address)).one()


def waiting(db: Database) -> list[OutgoingMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


def requests(db: Database) -> list[SignupRequest]:
    with db.reading() as session:
        return list(session.scalars(select(SignupRequest).order_by(SignupRequest.id)))


def test_a_sign_up_is_one_row_and_nothing_else(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", data={"email": " Ada@Example.ORG "})
    assert answer.status_code == 200
    assert "We sent a link to <strong>A•••@example.org</strong>. It works for 7 days." in answer.text
    [row] = requests(db)
    assert (row.address, row.address_key) == ("Ada@example.org", ADA)
    assert Choices.from_columns(row.choices) == Choices()
    assert waiting(db) == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0


def test_the_choices_of_the_form_are_kept(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    typed = {"email": ADA, "cadence": "daily", "which": "only", "section": ["Research", "Policy"], "min_trust": "70"}
    assert client.post("/subscribe", data=typed).status_code == 200
    [row] = requests(db)
    assert Choices.from_columns(row.choices) == Choices("daily", ("Policy", "Research"), 70)


def test_all_sections_wins_over_boxes_that_are_still_ticked(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    client.post("/subscribe", data={"email": ADA, "which": "all", "section": "Policy"})
    [row] = requests(db)
    assert row.choices["sections"] is None


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
    assert requests(db) == []


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
def test_answer_and_writes_are_the_same_for_every_address(client: FlaskClient, db: Database, status: Status) -> None:
    fresh = client.post("/subscribe", data={"email": "new@example.org"})
    with db.transaction() as session:
        import_rows(session, [Reader("known@example.org")])
        reader(session, "known@example.org").status = status
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    known = client.post("/subscribe", data={"email": "known@example.org"})
    assert known.text == fresh.text.replace("n•••@", "k•••@")
    assert [set(known.headers), known.status_code] == [set(fresh.headers), 200]
    assert [statement.split("(")[0] for statement in statements if "signup" in statement] == [
        "INSERT INTO signup_requests "
    ]
    assert not [statement for statement in statements if "subscribers" in statement]
    assert len(requests(db)) == 2
    assert waiting(db) == []


def test_a_form_on_another_site_leads_to_a_page_of_ours(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", data={"email": ADA, "cadence": "daily"}, headers=FOREIGN)
    assert answer.status_code == 200
    assert "You come from another site" in answer.text
    assert f'value="{ADA}"' in answer.text
    assert 'value="daily" checked' in answer.text
    assert requests(db) == []


def test_json_for_those_who_ask_for_it(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    answer = client.post("/subscribe", json={"email": ADA, "cadence": "daily", "sections": ["Policy"], "min_trust": 60})
    assert answer.status_code == 202
    assert answer.json == {"status": "confirmation_sent", "address": "a•••@example.org", "link_works_days": 7}
    [row] = requests(db)
    assert Choices.from_columns(row.choices) == Choices("daily", ("Policy",), 60)
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
    assert requests(db) == []


def test_the_worker_is_woken_after_the_commit(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def wake(_queues: object) -> bool:
        seen.append(len(requests(db)))  # another connection sees a row only when it is committed
        return True

    monkeypatch.setattr("newsletter.core.queue.Queues.wake_signups", wake)
    client.post("/subscribe", data={"email": ADA})
    client.post("/subscribe", data={"email": ADA})
    assert seen == [1, 2]
