"""Invitations and resets: once, for an hour, for one address, stored as hashes; and what they set up."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.embedded import sample_data
from newsletter.mail.models import OutgoingMail
from newsletter.staff import links, people, recovery_codes
from newsletter.staff.models import Passkey, RecoveryCode, StaffLink, StaffMember
from newsletter.staff.rights import Role
from tests import factories
from tests.services import desk
from tests.services.authenticator import SoftAuthenticator

LEO = "leo@dispatch.example"
NAME = "Leo Example"


def invite(db: Database, settings: Settings, email: str = LEO) -> str:
    """The path of an invitation's link."""
    with db.transaction() as session:
        member = people.find_member(session, email) or people.add_member(session, email, Role.EDITOR, by=OPERATOR)
        return f"/desk/link/{links.send_link(session, settings, member, by=OPERATOR)}"


class Newcomer:
    """A browser that opened a link."""

    def __init__(self, app: Flask, path: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.path, self.page = path, self.client.get(path).text

    def post(self, path: str, **data: str) -> TestResponse:
        return self.client.post(self.path + path, data={"form_token": desk.token_of_page(self.page), **data})

    def password(self, password: str = desk.PASSWORD, code: str = "", name: str = NAME) -> TestResponse:
        app = re.search(r'name="app" value="([^"]+)"', self.page)
        secret = re.search(r'class="mono">([A-Z2-7 ]+)<', self.page)
        assert app
        assert secret
        code = code or pyotp.TOTP(secret[1].replace(" ", "")).now()
        return self.post("/password", app=app[1], password=password, code=code, name=name)

    def passkey(self, settings: Settings, name: str = NAME) -> TestResponse:
        content = self.post("/passkey/options").json
        assert content
        device = SoftAuthenticator(settings.public_url, settings.public_host)
        credential = device.create(content["options"])
        return self.post("/passkey", challenge=content["challenge"], credential=credential, name=name)

    def is_in(self) -> bool:
        return self.client.get("/desk/account").status_code == 200


def member(db: Database) -> StaffMember:
    with db.reading() as session:
        return session.scalars(select(StaffMember)).one()


def test_password_and_code_app_set_an_account_up(app: Flask, db: Database, settings: Settings) -> None:
    newcomer = Newcomer(app, invite(db, settings))
    answer = newcomer.password()
    codes = re.findall(r"<li>([a-z2-7-]{29})</li>", answer.text)
    assert len(set(codes)) == recovery_codes.COUNT
    assert newcomer.is_in()
    leo = member(db)
    assert (leo.name, leo.role, leo.set_up_at is not None) == (NAME, Role.EDITOR, True)
    with db.reading() as session:
        assert recovery_codes.count_codes(session, leo.id) == recovery_codes.COUNT
        rows = repr([row.code_hash for row in session.scalars(select(RecoveryCode))])
    assert codes[0] not in rows


def test_a_passkey_sets_an_account_up(app: Flask, db: Database, settings: Settings) -> None:
    newcomer = Newcomer(app, invite(db, settings))
    assert newcomer.passkey(settings).headers["Location"] == "/desk"
    assert newcomer.is_in()
    assert member(db).password_hash is None


def test_a_link_works_once_and_looking_does_not_use_it_up(app: Flask, db: Database, settings: Settings) -> None:
    path = invite(db, settings)
    first, second = Newcomer(app, path), Newcomer(app, path)
    assert first.password().status_code == 200
    assert second.password().status_code == 404
    assert not second.is_in()
    assert Newcomer(app, path).page.count(links.NOT_VALID) == 1


def test_a_link_ends_after_an_hour_and_with_a_newer_one(app: Flask, db: Database, settings: Settings) -> None:
    path = invite(db, settings)
    newcomer = Newcomer(app, path)
    with clock.set_to(clock.now() + timedelta(minutes=61)):
        assert newcomer.client.get(path).status_code == 404
        assert newcomer.password().status_code == 404
    newer = invite(db, settings)
    assert newcomer.client.get(path).status_code == 404
    assert newcomer.client.get(newer).status_code == 200


def test_a_link_is_bound_to_its_address(app: Flask, db: Database, settings: Settings) -> None:
    path = invite(db, settings)
    with db.transaction() as session:
        session.execute(update(StaffMember).values(email="x@dispatch.example", email_key="x@dispatch.example"))
    assert Newcomer(app, path).client.get(path).status_code == 404


def test_all_links_that_do_not_work_get_one_answer(app: Flask, db: Database, settings: Settings) -> None:
    used, old = invite(db, settings), invite(db, settings)  # the second ends the first
    with clock.set_to(clock.now() + timedelta(minutes=61)):
        pages = {Newcomer(app, path).page for path in (used, old, "/desk/link/never", f"{old}x")}
    assert len(pages) == 1


def test_only_the_hash_is_stored_and_the_mail_brings_the_link(app: Flask, db: Database, settings: Settings) -> None:
    path = invite(db, settings)
    token = path.rpartition("/")[2]
    with db.reading() as session:
        stored = repr([tuple(row) for row in session.execute(select(StaffLink.__table__))])
        row = session.scalars(select(OutgoingMail)).one()
        assert token not in stored + repr(row.payload)
        composed = factories.compose_mail(session, settings, row)
    assert composed
    message, recipient = composed
    assert settings.public_url + path in message.text
    assert recipient.address == LEO


def test_a_mail_that_comes_too_late_is_not_sent(db: Database, settings: Settings) -> None:
    invite(db, settings)
    with db.reading() as session, clock.set_to(clock.now() + timedelta(hours=2)):
        row = session.scalars(select(OutgoingMail)).one()
        assert factories.compose_mail(session, settings, row) is None


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "at least 12 characters; this one has 5"),
        ("x" * 129, "at most 128 characters"),
        ("qwertyuiop12345", "one of the first"),
        ("QwertyUiop12345", "one of the first"),
        ("ababababababab", "one of the first"),
        (LEO, "one of the first"),
    ],
)
def test_a_bad_password_is_refused_and_the_link_stays(
    app: Flask, db: Database, settings: Settings, password: str, words: str
) -> None:
    newcomer = Newcomer(app, invite(db, settings))
    answer = newcomer.password(password)
    assert answer.status_code == 422
    assert words in answer.text
    assert newcomer.password().status_code == 200


def test_a_wrong_code_or_an_empty_name_is_said_at_its_field(app: Flask, db: Database, settings: Settings) -> None:
    newcomer = Newcomer(app, invite(db, settings))
    assert 'id="code-error"' in newcomer.password(code="000000").text
    assert 'id="name-error"' in newcomer.password(name="  ").text
    assert "Enter a name" in newcomer.passkey(settings, name="").text
    assert not newcomer.is_in()


def test_a_reset_ends_all_that_was_there_once_it_is_used(app: Flask, db: Database, settings: Settings) -> None:
    number = desk.add_person(db, Role.ADMIN, email=LEO, settings=settings)
    before = desk.sign_in(app, db, settings, number)
    path = invite(db, settings)
    assert before.get("/desk/account").status_code == 200, "a reset that nobody uses changes nothing"
    newcomer = Newcomer(app, path)
    assert "Earlier passkeys, password and codes end with it." in newcomer.page
    assert newcomer.passkey(settings).status_code == 303
    assert before.get("/desk/account").status_code == 303
    assert (member(db).password_hash, member(db).totp_secret) == (None, None)
    with db.reading() as session:
        assert len(session.scalars(select(Passkey)).all()) == 1


def test_the_demo_s_link_enters_once(app: Flask, db: Database, settings: Settings) -> None:
    path = sample_data.desk_link(db, settings).removeprefix(settings.public_url)
    newcomer = Newcomer(app, path)
    for path_to_set_up in ("/password", "/passkey/options", "/passkey"):
        assert newcomer.post(path_to_set_up).status_code == 404
    assert newcomer.post("/enter").headers["Location"] == "/desk"
    assert newcomer.is_in()
    assert newcomer.client.get("/desk/people").status_code == 200
    assert Newcomer(app, path).post("/enter").status_code in (403, 404)
    again = sample_data.desk_link(db, settings)
    assert again != settings.public_url + path


def test_an_invitation_is_no_way_in_by_itself(app: Flask, db: Database, settings: Settings) -> None:
    newcomer = Newcomer(app, invite(db, settings))
    assert newcomer.post("/enter").status_code == 404
    assert not newcomer.is_in()
    assert newcomer.password().status_code == 200, "and it still works"
