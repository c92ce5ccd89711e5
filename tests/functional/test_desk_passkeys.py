"""Passkeys: a challenge once and for five minutes, origin and host exactly, the person verified, the counter."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.staff import passkeys
from newsletter.staff.models import AuditEntry, Passkey, StaffMember
from newsletter.staff.passkeys import CHALLENGE_AGE, Ceremony, PasskeyError, RelyingParty
from newsletter.staff.rights import Role
from newsletter.staff.throttling import local_allowance
from tests.services import desk
from tests.services.authenticator import SoftAuthenticator
from tests.services.desk import DeskClient

ORIGIN, HOST = "https://letters.example.org", "letters.example.org"


@pytest.fixture(autouse=True)
def _no_tries() -> None:
    local_allowance.clear()


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(ORIGIN, HOST)


@pytest.fixture
def owner(admin: DeskClient, device: SoftAuthenticator) -> DeskClient:
    """An admin whose device has a passkey."""
    assert add(admin, device).status_code == 303
    return admin


def add(person: DeskClient, device: SoftAuthenticator) -> TestResponse:
    """Add a passkey on the account's page."""
    content = person.post("/desk/account/passkeys/options").json
    assert content
    data = {"new_challenge": content["challenge"], "new_credential": device.create(content["options"])}
    return person.post("/desk/account/passkeys", data)


class PasskeyVisitor:
    """A browser at the page to sign in."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.token = desk.token_of_page(self.client.get("/desk/sign-in").text)

    def challenge(self) -> tuple[dict[str, object], str]:
        """Options, and the token of their challenge."""
        content = self.client.post("/desk/sign-in/passkey/options", data={"form_token": self.token}).json
        assert content
        return content["options"], content["challenge"]

    def show(self, credential: str, challenge: str) -> TestResponse:
        data = {"form_token": self.token, "credential": credential, "challenge": challenge}
        return self.client.post("/desk/sign-in/passkey", data=data)

    def sign_in(self, device: SoftAuthenticator) -> TestResponse:
        options, challenge = self.challenge()
        return self.show(device.get(options), challenge)


def test_a_passkey_alone_signs_in(app: Flask, db: Database, owner: DeskClient, device: SoftAuthenticator) -> None:
    visitor = PasskeyVisitor(app)
    assert visitor.sign_in(device).status_code == 303
    assert "Where you are signed in" in visitor.client.get("/desk/account").text
    with db.reading() as session:
        assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc())).first() == "sign_in.passkey"


def test_an_answer_counts_once(app: Flask, owner: DeskClient, device: SoftAuthenticator) -> None:
    device.counts = False
    owner.client.get("/desk")
    desk.outdate_proof(owner.db, owner.number)
    content = owner.post("/desk/proof/options").json
    assert content
    data = {"credential": device.get(content["options"]), "challenge": content["challenge"]}
    assert owner.post("/desk/account/recovery-codes", data).status_code == 200
    desk.outdate_proof(owner.db, owner.number)
    assert owner.post("/desk/account/recovery-codes", data).status_code == 422


def test_two_requests_at_once_use_a_challenge_once(
    db: Database, settings: Settings, owner: DeskClient, device: SoftAuthenticator
) -> None:
    device.counts = False
    site = RelyingParty(settings, "the id in the cookie")
    content = passkeys.request_options(site, Ceremony.SIGN_IN)
    credential = device.get(content["options"])
    for wanted in (nullcontext(), pytest.raises(PasskeyError)):
        with wanted, db.transaction() as session:
            passkeys.verify_passkey(session, site, Ceremony.SIGN_IN, content["challenge"], credential)


def test_an_answer_to_one_ceremony_is_none_to_another(
    db: Database, settings: Settings, owner: DeskClient, device: SoftAuthenticator
) -> None:
    site = RelyingParty(settings, "the id in the cookie")
    content = passkeys.request_options(site, Ceremony.SIGN_IN)
    credential = device.get(content["options"])
    with pytest.raises(PasskeyError), db.transaction() as session:
        passkeys.verify_passkey(session, site, Ceremony.PROOF, content["challenge"], credential)


def test_a_challenge_is_good_for_five_minutes(app: Flask, owner: DeskClient, device: SoftAuthenticator) -> None:
    visitor = PasskeyVisitor(app)
    options, challenge = visitor.challenge()
    credential = device.get(options)
    with clock.set_to(clock.now() + CHALLENGE_AGE + timedelta(seconds=1)):
        assert "longer than five minutes" in visitor.show(credential, challenge).text


def test_a_challenge_is_its_browser_s_own(app: Flask, owner: DeskClient, device: SoftAuthenticator) -> None:
    options, challenge = PasskeyVisitor(app).challenge()
    assert PasskeyVisitor(app).show(device.get(options), challenge).status_code == 422


Lie = Callable[[SoftAuthenticator], None]
LIES: dict[str, Lie] = {
    "another origin": lambda device: setattr(device, "origin", "https://evil.example"),
    "another scheme": lambda device: setattr(device, "origin", "http://letters.example.org"),
    "another port": lambda device: setattr(device, "origin", f"{ORIGIN}:8443"),
    "another host": lambda device: setattr(device, "rp_id", "example.org"),
    "a person who was not verified": lambda device: setattr(device, "verifies_user", False),
    "another person's handle": lambda device: setattr(device, "handle", b"x" * 32),
    "an unknown key": lambda device: setattr(device, "id", b"x" * 32),
    "another key": lambda device: setattr(device, "key", SoftAuthenticator("", "").key),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(app: Flask, owner: DeskClient, device: SoftAuthenticator, lie: str) -> None:
    LIES[lie](device)
    assert PasskeyVisitor(app).sign_in(device).status_code == 422


@pytest.mark.parametrize("lie", ["another origin", "another host", "a person who was not verified"])
def test_no_passkey_is_made_by_a_lie(admin: DeskClient, device: SoftAuthenticator, lie: str) -> None:
    LIES[lie](device)
    assert add(admin, device).status_code == 422


def test_a_copy_is_found_by_its_counter(app: Flask, owner: DeskClient, device: SoftAuthenticator) -> None:
    copy = replace(device)
    assert PasskeyVisitor(app).sign_in(device).status_code == 303
    assert PasskeyVisitor(app).sign_in(copy).status_code == 422
    assert PasskeyVisitor(app).sign_in(device).status_code == 303


def test_a_device_that_does_not_count_may_sign_in_again(
    app: Flask, owner: DeskClient, device: SoftAuthenticator
) -> None:
    device.counts = False
    assert [PasskeyVisitor(app).sign_in(device).status_code for _ in range(2)] == [303, 303]


@pytest.mark.parametrize(
    "credential", ["", "{", "[]", "null", '{"rawId": 1}', '{"rawId": "AA", "response": []}', "9" * 9, "[" * 9999]
)
def test_junk_is_refused(app: Flask, owner: DeskClient, credential: str) -> None:
    visitor = PasskeyVisitor(app)
    assert visitor.show(credential, visitor.challenge()[1]).status_code == 422
    assert visitor.show(credential, "junk").status_code == 422


def test_a_removed_person_s_passkey_is_refused(
    app: Flask, db: Database, settings: Settings, owner: DeskClient, device: SoftAuthenticator
) -> None:
    with db.transaction() as session:
        session.execute(update(StaffMember).values(removed_at=clock.now()))
    assert PasskeyVisitor(app).sign_in(device).status_code == 422


def test_another_person_s_passkey_is_no_proof(
    app: Flask, db: Database, settings: Settings, owner: DeskClient, device: SoftAuthenticator
) -> None:
    other = desk.sign_in(app, db, settings, desk.add_person(db, name="Other", settings=settings))
    desk.outdate_proof(db, other.number)
    content = other.post("/desk/proof/options").json
    assert content
    data = {"credential": device.get(content["options"]), "challenge": content["challenge"]}
    assert other.post("/desk/account/recovery-codes", data).status_code == 422


def test_a_passkey_is_added_together_with_the_proof(db: Database, owner: DeskClient) -> None:
    device = SoftAuthenticator(ORIGIN, HOST)
    desk.outdate_proof(db, owner.number)
    content = owner.post("/desk/account/passkeys/options").json
    assert content
    data = {"new_challenge": content["challenge"], "new_credential": device.create(content["options"])}
    assert owner.post("/desk/account/passkeys", data).status_code == 403
    answer = owner.post("/desk/account/passkeys", {**data, "proof_code": desk.app_code()})
    assert answer.status_code == 303, "the challenge is of the id that the session had before the proof"


def test_a_passkey_is_one_person_s_and_that_once(
    db: Database, owner: DeskClient, editor: DeskClient, device: SoftAuthenticator
) -> None:
    for person in (owner, editor):
        answer = add(person, device)
        assert (answer.status_code, "not accepted" in answer.text) == (422, True)
    with db.reading() as session:
        assert session.scalars(select(Passkey.staff_member_id)).all() == [owner.number]


def test_a_person_has_not_any_number_of_them(owner: DeskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST", 2)
    assert add(owner, SoftAuthenticator(ORIGIN, HOST)).status_code == 303
    assert "at most 2 passkeys" in add(owner, SoftAuthenticator(ORIGIN, HOST)).text


def test_passkeys_are_listed_and_removed(db: Database, owner: DeskClient) -> None:
    assert "Firefox on Linux" in owner.get("/desk/account").text
    with db.reading() as session:
        (number,) = session.scalars(select(Passkey.id))
    desk.outdate_proof(db, owner.number)
    assert owner.post(f"/desk/account/passkeys/{number}/remove").status_code == 403, "not without a proof"
    data = {"proof_code": desk.app_code()}
    assert owner.post(f"/desk/account/passkeys/{number}/remove", data).status_code == 303
    with db.reading() as session:
        assert session.scalars(select(Passkey.id)).all() == []


def test_other_sessions_end_with_a_passkey(app: Flask, db: Database, settings: Settings, owner: DeskClient) -> None:
    changes: tuple[Callable[[], TestResponse], ...] = (
        lambda: add(owner, SoftAuthenticator(ORIGIN, HOST)),
        lambda: owner.post("/desk/account/passkeys/1/remove"),
    )
    for change in changes:
        other = desk.sign_in(app, db, settings, owner.number)
        assert change().status_code == 303
        assert other.get("/desk/account").status_code == 303
        assert owner.get("/desk/account").status_code == 200


def test_the_only_way_to_sign_in_stays(db: Database, owner: DeskClient) -> None:
    with db.transaction() as session:
        session.execute(update(StaffMember).values(password_hash=None, totp_secret=None))
        (number,) = session.scalars(select(Passkey.id))
    answer = owner.post(f"/desk/account/passkeys/{number}/remove")
    assert answer.status_code == 422
    assert "the only way to sign in" in answer.text


def test_nobody_removes_another_s_passkey(app: Flask, db: Database, settings: Settings, owner: DeskClient) -> None:
    other = desk.sign_in(app, db, settings, desk.add_person(db, Role.EDITOR, name="Other", settings=settings))
    with db.reading() as session:
        (number,) = session.scalars(select(Passkey.id))
    other.post(f"/desk/account/passkeys/{number}/remove")
    with db.reading() as session:
        assert session.scalars(select(Passkey.id)).all() == [number]


@pytest.mark.parametrize(
    ("public_url", "host", "origin"),
    [
        ("https://letters.example.org", "letters.example.org", "https://letters.example.org"),
        ("https://letters.example.org:443", "letters.example.org", "https://letters.example.org"),
        ("https://letters.example.org:8443", "letters.example.org", "https://letters.example.org:8443"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
    ],
)
def test_the_site_is_that_of_the_public_url(settings: Settings, public_url: str, host: str, origin: str) -> None:
    assert RelyingParty(replace(settings, public_url=public_url), "x").name == (host, origin)
