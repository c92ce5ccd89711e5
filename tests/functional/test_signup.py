"""Signing up: on the page and by POST, from here and from elsewhere, for every kind of address."""

from __future__ import annotations

import re
from datetime import timedelta
from email.parser import BytesParser
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jinja2 import meta
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import TokenSigner
from newsletter.mail import transactional_rendering
from newsletter.mail.encoding import encode
from newsletter.mail.message import Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers import addresses
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import SignupRequest, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import MOST_SECTIONS, Preferences
from newsletter.web.readers.signup import ANSWER_TEMPLATES
from tests.factories import add_article, compose_mail, decide_all, form_token
from tests.services.rendered_digests import SETTINGS

ADA = "ada@example.org"
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://blog.example"}


def reader(session: Session, address: str = ADA) -> Subscriber:
    return session.scalars(select(Subscriber).where(Subscriber.address_key == address)).one()


def waiting(db: Database) -> list[OutgoingMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Sends a form's token along, where a test does not send its own."""
    return ClientWithToken(app)


class ClientWithToken(FlaskClient):
    def open(self, *args: Any, **kwargs: Any) -> Any:
        for way in ("data", "json"):
            if isinstance(kwargs.get(way), dict):
                kwargs[way] = {"form_token": form_token(), **kwargs[way]}
        return super().open(*args, **kwargs)


def requests(db: Database) -> list[SignupRequest]:
    with db.reading() as session:
        return list(session.scalars(select(SignupRequest).order_by(SignupRequest.id)))


def test_a_sign_up_is_one_row_and_nothing_else(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", data={"email": " Ada@Example.ORG "})
    assert answer.status_code == 200
    assert "We sent a link to <strong>Ada@example.org</strong>. It works for 7 days." in answer.text
    [row] = requests(db)
    assert (row.address, row.address_key) == ("Ada@example.org", ADA)
    assert Preferences.from_columns(row.preferences) == Preferences()
    assert waiting(db) == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0


def test_every_section_that_is_offered_can_be_chosen(client: FlaskClient, db: Database, settings: Settings) -> None:
    """Older versions stored sections that no form takes."""
    for number, section in enumerate(["Policy", "R & D; more", "x" * 60, "x" * 61, "Poli\u202ecy", "tab\tbed"]):
        add_article(db, f"Story {number}", section=section)
    offered = [
        re.findall(r'name="section" value="([^"]*)"', client.get(path).text)
        for path in ("/subscribe", f"/subscribe?section={'x' * 61}")
    ]
    program = client.get("/subscribe", headers={"Accept": "application/json"}).json
    assert program is not None
    sections = [unescape(name) for name in offered[0]]
    assert sections == program["sections"] == ["Policy", "R & D; more", "x" * 60]
    assert offered[0] == offered[1]
    for chosen in (*([name] for name in sections), sections):
        assert client.post("/subscribe", data={"email": ADA, "which": "only", "section": chosen}).status_code == 200
        assert Preferences.from_columns(requests(db)[-1].preferences).sections == tuple(sorted(chosen))


def test_more_sections_than_are_kept_are_answered_with_the_number(client: FlaskClient, db: Database) -> None:
    names = [f"Section {number}" for number in range(MOST_SECTIONS + 1)]
    for name in names:
        add_article(db, f"Story of {name}", section=name)
    page = client.post("/subscribe", data={"email": ADA, "which": "only", "section": names})
    assert page.status_code == 422
    assert "Choose at most 50 sections, or all of them." in page.text


def test_the_preferences_of_the_form_are_stored(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="Research")
    typed = {"email": ADA, "cadence": "daily", "which": "only", "section": ["Research", "Policy"], "min_trust": "70"}
    assert client.post("/subscribe", data=typed).status_code == 200
    [row] = requests(db)
    assert Preferences.from_columns(row.preferences) == Preferences("daily", ("Policy", "Research"), 70)


def test_all_sections_wins_over_boxes_that_are_still_ticked(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    client.post("/subscribe", data={"email": ADA, "which": "all", "section": "Policy"})
    [row] = requests(db)
    assert row.preferences["sections"] is None


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
def test_an_error_stands_beside_its_field(client: FlaskClient, db: Database, typed: dict[str, str], field: str) -> None:
    add_article(db, "One", section="Policy")
    answer = client.post("/subscribe", data=typed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'<li><a href="#{field}">' in answer.text
    assert "<title>Error: " in answer.text
    assert requests(db) == []


def test_the_form_is_shown_again_as_entered_and_stays_text(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    typed = {"email": '"><b>ada', "cadence": "monthly", "which": "only", "section": "Policy", "min_trust": "80"}
    answer = client.post("/subscribe", data=typed).text
    assert 'value="&#34;&gt;&lt;b&gt;ada"' in answer
    assert 'value="monthly" checked' in answer
    assert 'value="only" id="only" checked' in answer
    assert 'value="Policy" checked' in answer
    assert '<option value="80" selected>' in answer


@pytest.mark.parametrize("status", list(SubscriberStatus))
def test_answer_and_writes_are_the_same_for_every_address(
    client: FlaskClient, db: Database, status: SubscriberStatus
) -> None:
    fresh = client.post("/subscribe", data={"email": "fresh@example.org"})
    with db.transaction() as session:
        import_rows(session, [ImportedReader("known@example.org")])
        reader(session, "known@example.org").status = status
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    known = client.post("/subscribe", data={"email": "known@example.org"})
    assert without_token(known.text) == without_token(fresh.text).replace("fresh@", "known@")
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


def test_programs_get_json(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    answer = client.post("/subscribe", json={"email": ADA, "cadence": "daily", "sections": ["Policy"], "min_trust": 60})
    assert answer.status_code == 202
    assert answer.json == {
        "status": "confirmation_sent",
        "address": "a•••@example.org",
        "link_works_days": 7,
        "suggestion": None,
    }
    [row] = requests(db)
    assert Preferences.from_columns(row.preferences) == Preferences("daily", ("Policy",), 60)
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


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff", b"", b"null", b"[" * 49_000, b'{"a":' * 9_000])
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

    def wake(_queues: object) -> None:
        seen.append(len(requests(db)))  # another connection sees a row only when it is committed

    monkeypatch.setattr("newsletter.core.queue.Queues.enqueue_mails_of_many", wake)
    client.post("/subscribe", data={"email": ADA})
    client.post("/subscribe", data={"email": ADA})
    assert seen == [1, 2]


# One more press


@pytest.mark.parametrize(
    "proof",
    [
        {"form_token": ""},
        {"form_token": "forged"},
        {"website": "http://spam.example"},
        {"form_token": "too fast"},
        {"form_token": "too old"},
        {"form_token": "for another purpose"},
    ],
)
def test_a_suspected_program_has_to_press_again(
    client: FlaskClient, db: Database, settings: Settings, proof: dict[str, str]
) -> None:
    add_article(db, "One", section="Policy")
    made = {
        "too fast": form_token(age=timedelta(seconds=1.5)),
        "too old": form_token(age=timedelta(days=1, seconds=1)),
        "for another purpose": TokenSigner(settings.signing_keys, "confirm").sign([1, "/"]),
    }
    proof = {name: made.get(value, value) for name, value in proof.items()}
    typed = {"email": ADA, "cadence": "daily", "which": "only", "section": "Policy"}
    page = client.post("/subscribe", data={**typed, **proof})
    assert page.status_code == 200
    assert "nothing has been sent yet" in page.text
    assert requests(db) == []
    fields = shown(page.text)
    assert (fields["email"], fields["website"]) == (ADA, "")
    assert 'value="daily" checked' in page.text
    assert 'value="Policy" checked' in page.text
    with clock.set_to(clock.now() + timedelta(seconds=2)):
        assert "Check your mailbox" in client.post("/subscribe", data={**typed, **fields}).text
    assert [row.address for row in requests(db)] == [ADA]


def test_the_time_that_went_into_a_form_counts_when_it_is_shown_again(client: FlaskClient, db: Database) -> None:
    opened = form_token()
    page = client.post("/subscribe", data={"email": "ada@", "form_token": opened})
    assert shown(page.text)["form_token"] == opened
    assert "Check your mailbox" in client.post("/subscribe", data={"email": ADA, "form_token": opened}).text


def test_consent_is_stored_as_the_page_showed_it(client: FlaskClient, db: Database) -> None:
    for path in ("/", "/subscribe"):
        with clock.set_to(clock.now() - timedelta(seconds=10)):
            page = client.get(path).text
        client.post("/subscribe", data={"email": ADA, **shown(page)} | {"email": ADA})
        assert requests(db)[-1].page == path
        assert f'<p class="hint" id="agreement">{requests(db)[-1].wording}</p>' in page
    assert "Dispatch" in requests(db)[-1].wording


def without_token(page: str) -> str:
    return re.sub(r'name="form_token" value="[^"]*"', "", page)


def shown(page: str) -> dict[str, str]:
    """The text fields of the form on a page."""
    inputs = re.findall(r'<input type="(?:hidden|email|text)"[^>]*>', page)
    names = [re.search(r'name="(\w+)" value="([^"]*)"', field) for field in inputs]
    return {found[1]: unescape(found[2]) for found in names if found}


# The page that answers


def test_the_first_post_takes_the_address_as_typed(client: FlaskClient, db: Database) -> None:
    page = client.post("/subscribe", data={"email": "Ada@gmial.com", "cadence": "daily"})
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "We sent a link to <strong>Ada@gmial.com</strong>." in page.text
    assert "Did you mean <strong>Ada@gmail.com</strong>? Nothing has been sent there." in page.text
    assert [row.address for row in requests(db)] == ["Ada@gmial.com"]


def test_the_page_mends_an_address_with_all_that_was_chosen(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    typed = {"email": "ada@exmaple.org", "cadence": "daily", "which": "only", "section": "Policy", "language": "de"}
    page = client.post("/subscribe", data=typed).text
    assert "Did you mean" not in page
    for choice in ("daily", "Policy", "de"):
        assert f'value="{choice}" checked' in page
    fields = shown(page)
    assert fields["email"] == "ada@exmaple.org"
    with clock.set_to(clock.now() + timedelta(seconds=2)):
        client.post("/subscribe", data={**typed, **fields, "email": ADA})
    first, second = requests(db)
    assert (second.address, second.preferences) == (ADA, first.preferences)


@pytest.mark.parametrize(("language", "asked"), [("en", "Is the address wrong?"), ("de", "Stimmt die Adresse nicht?")])
def test_the_page_speaks_the_reader_s_language(client: FlaskClient, language: str, asked: str) -> None:
    assert asked in client.post(f"/subscribe?language={language}", data={"email": ADA}).text


def test_an_address_of_another_script_is_shown_as_it_was_typed(client: FlaskClient) -> None:
    assert "<strong>ада@почта.рф</strong>" in client.post("/subscribe", data={"email": "ада@почта.рф"}).text


@pytest.mark.parametrize("ignored", [{"use": "suggested"}, {"suggested_for": "ada@gmial.com"}, {"keep": "1"}])
def test_no_field_turns_an_address_into_another(client: FlaskClient, db: Database, ignored: dict[str, str]) -> None:
    client.post("/subscribe", data={"email": "ada@gmial.com", **ignored})
    assert [row.address for row in requests(db)] == ["ada@gmial.com"]


def test_json_gets_the_suggestion_with_its_answer(client: FlaskClient, db: Database) -> None:
    answer = client.post("/subscribe", json={"email": "ada@gmial.com"})
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["suggestion"] == "ada@gmail.com"
    assert [row.address for row in requests(db)] == ["ada@gmial.com"]


# For programs, and by links


def test_a_program_gets_a_form_token_and_signs_up(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    with clock.set_to(clock.now() - timedelta(seconds=5)):
        answer = client.get("/subscribe", headers={"Accept": "application/json"})
    assert answer.json is not None
    assert answer.json["sections"] == ["Policy"]
    assert "Accept" in answer.headers["Vary"]
    assert client.post("/subscribe", json={"email": ADA, "form_token": answer.json["form_token"]}).status_code == 202
    [row] = requests(db)
    assert (row.wording, row.page) == (answer.json["wording"], "a form that a program shows")


@pytest.mark.parametrize(
    "proof", [{"form_token": ""}, {"form_token": 7}, {"form_token": None}, {"form_token": "\ud800"}, {"website": "x"}]
)
def test_json_has_the_same_guards_as_the_form(client: FlaskClient, db: Database, proof: dict[str, object]) -> None:
    answer = client.post("/subscribe", json={"email": ADA, **proof})
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["errors"]) == {"form_token"}
    assert requests(db) == []


def test_a_link_can_choose_sections_that_exist(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="R & D")
    page = client.get("/subscribe?section=R+%26+D&section=Sports&section=%00").text
    assert "<details open" in page
    assert 'value="only" id="only" checked' in page
    assert re.findall(r'name="section" value="([^"]*)" checked', page) == ["R &amp; D"]
    assert "Sports" not in page
    assert 'value="all" checked' in client.get("/subscribe?section=Sports").text


# What anybody can type

HEADERS = {
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("auto-submitted", "content-transfer-encoding"),
}


@given(email=st.one_of(st.text(), st.emails(), st.from_regex(r"[a-z]{1,5}@[a-z]{1,9}\.(com|de)[\r\n]?.{0,20}")))
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_input_is_one_clean_address_or_an_error(client: FlaskClient, db: Database, email: str) -> None:
    before = len(requests(db))
    answer = client.post("/subscribe", data={"email": email})
    assert answer.status_code in (200, 422)
    for row in requests(db)[before:]:
        assert row.address.isprintable()
        assert " " not in row.address.rpartition("@")[2]
        assert row.address.count("@") == 1 or row.address.startswith('"')
        assert row.address_key == addresses.identity_key(row.address)
        wire = encode(transactional_rendering.compose_mail(SETTINGS, "already_subscribed", "/"))
        mail = BytesParser().parsebytes(wire.render(Recipient(1, row.address)))
        assert len(mail.get_all("To", [])) == 1
        assert {name.lower() for name in mail} <= HEADERS


@pytest.mark.parametrize(
    "address", ["postmaster@example.org", "info@example.org", "ada@bücher.example", "ада@почта.рф"]
)
def test_role_addresses_and_idn_are_accepted(client: FlaskClient, db: Database, address: str) -> None:
    assert client.post("/subscribe", data={"email": address}).status_code == 200
    assert len(requests(db)) == 1


@pytest.mark.parametrize("status", [None, SubscriberStatus.ACTIVE])
def test_the_host_of_a_request_changes_no_link_in_a_mail(
    client: FlaskClient, db: Database, settings: Settings, status: SubscriberStatus | None
) -> None:
    if status:
        with db.transaction() as session:
            import_rows(session, [ImportedReader(ADA)])
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "evil.example"}
    assert client.post("/subscribe", data={"email": ADA}, headers=headers).status_code == 200
    [mail] = decide_all(db, settings)
    with db.reading() as session:
        row = session.get_one(OutgoingMail, mail)
        composed = compose_mail(session, settings, row)
    assert composed is not None
    for part in (composed[0].text, composed[0].html):
        assert "https://letters.example.org/" in part
        assert "evil" not in part


def test_all_templates_of_the_answer_are_known_so_that_a_start_compiles_them(app: Flask) -> None:
    environment, found = app.jinja_env, {"check_mailbox.html"}
    assert environment.loader is not None
    waiting = list(found)
    while waiting:
        source, *_ = environment.loader.get_source(environment, waiting.pop())
        more = {name for name in meta.find_referenced_templates(environment.parse(source)) if name} - found
        found |= more
        waiting += more
    assert found == set(ANSWER_TEMPLATES)
