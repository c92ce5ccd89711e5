"""Signing in with password and code: alike for unknown people, throttled, each code once; and what a session is."""

from __future__ import annotations

import contextvars
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.staff import passwords, recovery_codes, sign_in, throttling, totp
from newsletter.staff.models import AuditEntry, StaffMember, StaffSession, UsedChallenge
from newsletter.staff.rights import Role
from newsletter.web.server import THREADS
from tests.invariants.test_pages import check_page
from tests.services import desk

EMAIL = "mara@dispatch.example"
LEFT = ("You can try 4 more times", "You can try 3 more times", "You can try 2 more times")


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(settings, redis_url=valkey_url)


@pytest.fixture
def mara(db: Database, settings: Settings, queues: Queues) -> int:
    """An admin with PASSWORD and the code app of SECRET; nothing is counted yet."""
    return desk.add_person(db, Role.ADMIN, name="Mara Weiss", email=EMAIL, settings=settings)


class Visitor:
    """A browser at the page to sign in."""

    def __init__(self, app: Flask, address: str = "198.51.100.7") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address

    def post(self, path: str, **data: str) -> TestResponse:
        token = desk.token_of_page(self.client.get("/desk/sign-in").text)
        return self.client.post(
            path, data={"form_token": token, **data}, environ_overrides={"REMOTE_ADDR": self.address}
        )

    def password(self, password: str = desk.PASSWORD, email: str = EMAIL, **more: str) -> TestResponse:
        return self.post("/desk/sign-in", email=email, password=password, **more)

    def step(self) -> str:
        """The token of the second step, after the right password."""
        found = re.search(r'name="step" value="([^"]+)"', self.password().text)
        assert found
        return found[1]

    def code(self, code: str, step: str = "", **more: str) -> TestResponse:
        return self.post("/desk/sign-in/code", step=step or self.step(), code=code, **more)

    def is_in(self) -> bool:
        return self.client.get("/desk/account").status_code == 200

    def cookie(self, app_settings: Settings) -> str:
        found = self.client.get_cookie(desk.cookie_name(app_settings), domain=app_settings.public_host, path="/")
        return found.value if found else ""


def actions(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def error_of(answer: TestResponse) -> str:
    found = re.search(r'<p class="error" id="[^"]*"><b>Error:</b> ([^<]*)</p>', answer.text)
    return found[1] if found else ""


def test_password_and_code_sign_in_and_lead_back(app: Flask, db: Database, settings: Settings, mara: int) -> None:
    visitor = Visitor(app)
    before = visitor.password()
    assert "The second step" in before.text
    assert not visitor.is_in()
    answer = visitor.code(desk.app_code(), next="/desk/audit-log?what=people")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/audit-log?what=people")
    assert visitor.is_in()
    assert actions(db)[-1] == "sign_in.code"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/articles", "/desk//evil.example", "/desk/../", ""],
)
def test_no_address_leads_elsewhere(app: Flask, mara: int, elsewhere: str) -> None:
    answer = Visitor(app).code(desk.app_code(), next=elsewhere)
    assert answer.headers["Location"] == "/desk"


def test_the_cookie_is_tied_to_the_host_and_only_its_hash_is_stored(
    app: Flask, db: Database, settings: Settings, mara: int
) -> None:
    visitor = Visitor(app)
    visitor.client.get("/desk/sign-in")
    before = visitor.cookie(settings)
    answer = visitor.code(desk.app_code())
    (set_cookie,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-desk=")]
    parts = {part.strip() for part in set_cookie.split(";")[1:]}
    assert parts == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    token = visitor.cookie(settings)
    assert len(token) == 22  # 62**22 is over 2**130
    assert token != before, "a new id at each sign-in"
    with db.reading() as session:
        rows = repr([tuple(row) for row in session.execute(select(StaffSession.__table__))])
    assert token not in rows


def test_over_http_the_name_is_plain(settings: Settings) -> None:
    app = create_app(replace(settings, public_url="http://localhost:8000"))
    with app.app_context():
        answer = app.test_client().get("/desk/sign-in", base_url="http://localhost:8000")
        assert answer.headers["Set-Cookie"].startswith("desk-http=")
        assert "Secure" not in answer.headers["Set-Cookie"]
        app.extensions["newsletter"].db.dispose()


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000"])
def test_the_demo_has_the_one_name_that_passkeys_work_under(settings: Settings, host: str) -> None:
    app = create_app(replace(settings, public_url="http://localhost:8000"))
    with app.app_context():
        answer = app.test_client().get("/desk/sign-in?next=/desk/people", headers={"Host": host})
        assert answer.status_code == 307
        assert answer.headers["Location"] == "http://localhost:8000/desk/sign-in?next=/desk/people"
        broken = app.test_client().get("/desk/link/%0D%0AX-Evil:%20%C3%A9", headers={"Host": host})
        assert broken.headers["Location"] == "http://localhost:8000/desk/link/%0D%0AX-Evil%3A%20%C3%A9"
        app.extensions["newsletter"].db.dispose()


def test_unknown_people_get_the_same_answer_after_the_same_work(
    app: Flask, db: Database, mara: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    verify = type(passwords.hasher).verify

    def count(self: PasswordHasher, hashed: str, text: str) -> bool:
        hashes.append(hashed)
        return verify(self, hashed, text)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    known = Visitor(app).password("a wrong password", EMAIL)
    unknown = Visitor(app, "198.51.100.8").password("a wrong password", "nobody@dispatch.example")
    no_address = Visitor(app, "198.51.100.9").password("a wrong password", "no address")
    assert len(hashes) == 3
    assert all(each.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for each in hashes)
    assert known.status_code == unknown.status_code == no_address.status_code == 422
    assert error_of(known) == error_of(unknown) == error_of(no_address)
    assert actions(db)[-3:] == ["sign_in.failed"] * 3
    assert not passwords.needs_rehash(passwords.NOBODYS_HASH), "the work is the same"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_what_is_refused_before_the_desk_sees_it_gets_a_page(app: Flask, headers: dict[str, str], status: int) -> None:
    """As the first request of a process: the tests' own context would keep what an earlier one left in `g`."""
    answer = contextvars.Context().run(app.test_client().post, "/desk/sign-in", headers=headers)
    assert answer.status_code == status
    assert "Set-Cookie" not in answer.headers


def test_what_is_left_of_the_tries_is_said(app: Flask, mara: int) -> None:
    visitor = Visitor(app)
    for words in (*LEFT, "You can try once more", "That was the last try"):
        assert words in error_of(visitor.password("wrong password"))
    assert error_of(visitor.password()) == "Too many tries. The next is possible in 15 min."


def test_a_stranger_locks_nobody_out(app: Flask, settings: Settings, mara: int) -> None:
    at_home = Visitor(app, "203.0.113.5")
    assert at_home.code(desk.app_code()).status_code == 303
    for address in ("198.51.100.7", "203.0.113.5"):  # from elsewhere, and from the same network
        stranger = Visitor(app, address)
        for _ in range(8):
            stranger.password("wrong password")
        assert "Too many tries" in error_of(stranger.password())
    assert "The second step" in Visitor(app, "192.0.2.77").password().text, "another network"
    token = desk.token_of_page(at_home.client.get("/desk/account").text)
    at_home.client.post("/desk/sign-out", data={"form_token": token})
    assert "The second step" in at_home.password().text, "the browser of a former sign-in"


def test_a_browser_is_known_to_its_own_person_alone(app: Flask, db: Database, settings: Settings, mara: int) -> None:
    """Or somebody with an account would get tries of others' passwords with each sign-in."""
    desk.add_person(db, Role.AUTHOR, name="Other", settings=settings)
    insider = Visitor(app)
    step = re.search(r'name="step" value="([^"]+)"', insider.password(email="other@dispatch.example").text)
    assert step
    assert insider.code(desk.app_code(), step[1]).status_code == 303
    token = desk.token_of_page(insider.client.get("/desk/account").text)
    assert insider.client.post("/desk/sign-out", data={"form_token": token}).status_code == 303
    for _ in range(throttling.PASSWORD_TRIES):
        Visitor(app).password("wrong password")
    assert "Too many tries" in error_of(insider.password("wrong password"))


def test_an_attack_from_everywhere_leaves_a_try_in_each_network(
    app: Flask, mara: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MOST_OF_ACCOUNT", 5)
    for number in range(6):
        Visitor(app, f"198.51.100.{number}").password("wrong password")
    stranger = Visitor(app, "198.51.100.99")
    assert "You can try once more" in error_of(stranger.password("wrong password"))
    stranger.password("wrong password")
    assert "Too many tries" in error_of(stranger.password())
    assert "The second step" in Visitor(app, "192.0.2.77").password().text


def test_a_network_has_a_limit_of_all_accounts_together(app: Flask, mara: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_OF_NETWORK", 3)
    for number in range(3):
        Visitor(app, "2001:db8::1").password("wrong password", f"p{number}@dispatch.example")
    assert "Too many tries" in error_of(Visitor(app, "2001:db8::2").password())
    assert "The second step" in Visitor(app, "2001:db8:0:ff00::1").password().text


def test_wider_networks_have_limits_too(app: Flask, mara: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A household may have 65,536 networks of the narrowest kind."""
    monkeypatch.setattr(throttling, "MOST_OF_NETWORK", 3)
    for number in range(6):
        Visitor(app, f"2001:db8:0:{number}::1").password("wrong password", f"p{number}@dispatch.example")
    assert "Too many tries" in error_of(Visitor(app, "2001:db8:0:7::1").password())
    assert "The second step" in Visitor(app, "2001:db8:0:ff00::1").password().text


def test_passkeys_count_for_the_network(app: Flask, db: Database, mara: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_OF_NETWORK", 3)
    visitor = Visitor(app)
    said = [error_of(visitor.post("/desk/sign-in/passkey", challenge="x", credential="{}")) for _ in range(4)]
    assert ["Too many tries" in each for each in said] == [False, False, False, True]
    assert actions(db).count("sign_in.passkey_refused") == 3, "so the audit log is not filled either"


def test_without_redis_there_is_a_small_allowance(app: Flask, settings: Settings, mara: int) -> None:
    gone = create_app(replace(settings, redis_url="unix:///nowhere/valkey.sock"))
    throttling.local_allowance.clear()
    with gone.app_context():
        visitor = Visitor(gone)
        for words in ("You can try 2 more times", "You can try once more", "That was the last try"):
            assert words in error_of(visitor.password("wrong password"))
        assert "Too many tries" in error_of(visitor.password())
        for number in range(30):
            Visitor(gone, f"198.51.101.{number}").password("wrong password", f"p{number}@dispatch.example")
        assert "Too many tries" in error_of(Visitor(gone, "192.0.2.1").password("x", "p99@dispatch.example"))
        gone.extensions["newsletter"].db.dispose()
    throttling.local_allowance.clear()


def test_without_redis_one_s_own_password_brings_no_tries_of_others(app: Flask, settings: Settings, mara: int) -> None:
    gone = create_app(replace(settings, redis_url="unix:///nowhere/valkey.sock"))
    throttling.local_allowance.clear()
    with gone.app_context():
        desk.add_person(gone.extensions["newsletter"].db, Role.AUTHOR, name="Other", settings=settings)
        insider = Visitor(gone)
        for _ in range(throttling.LOCAL_TRIES):
            insider.password("wrong password")
        assert "The second step" in insider.password(email="other@dispatch.example").text
        assert "Too many tries" in error_of(insider.password("another wrong password"))
        gone.extensions["newsletter"].db.dispose()
    throttling.local_allowance.clear()


def test_many_strangers_leave_threads_to_readers(app: Flask, mara: int) -> None:
    visitor = Visitor(app)
    with ExitStack() as others:
        for _ in range(passwords.MOST_VISITORS):
            others.enter_context(passwords.place_for_visitor())
        for _ in range(throttling.PASSWORD_TRIES):
            answer = visitor.password()
            assert answer.status_code == 503
            assert "Too many people" in error_of(answer)
    assert "The second step" in visitor.password().text, "no try was counted"
    assert passwords.MOST_VISITORS < THREADS


def test_no_address_stands_in_redis(app: Flask, queues: Queues, mara: int) -> None:
    Visitor(app).password("wrong password")
    keys = repr(queues.redis.keys("*"))
    assert "newsletter:desk:" in keys
    assert "dispatch.example" not in keys
    assert "198.51" not in keys


def test_five_wrong_codes_and_then_a_wait_that_only_the_password_s_owner_can_cause(app: Flask, mara: int) -> None:
    visitor = Visitor(app)
    step = visitor.step()
    for words in (*LEFT, "You can try once more", "That was the last try"):
        assert words in error_of(visitor.code("000000", step))
    assert "Too many tries" in error_of(visitor.code(desk.app_code(), step))
    assert "Too many tries" in error_of(Visitor(app, "192.0.2.1").code(desk.app_code()))


@pytest.fixture
def one_moment() -> Iterator[None]:
    """No step of the codes ends meanwhile."""
    with clock.set_to(clock.now()):
        yield


def test_a_code_works_once_and_older_ones_not_after_it(app: Flask, mara: int, one_moment: None) -> None:
    code, older = desk.app_code(), desk.app_code(steps=-1)
    assert Visitor(app).code(code).status_code == 303
    assert "was used before" in error_of(Visitor(app).code(code))
    assert "was used before" in error_of(Visitor(app).code(older))


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_a_phone_may_be_one_step_off(app: Flask, mara: int, one_moment: None, steps: int, status: int) -> None:
    assert Visitor(app).code(desk.app_code(steps=steps)).status_code == status


@pytest.mark.parametrize("write", [lambda code: f" {code[:3]} {code[3:]} ", lambda code: unwide(code)])
def test_a_code_is_read_as_people_write_it(app: Flask, mara: int, write: object) -> None:
    assert callable(write)
    assert Visitor(app).code(write(desk.app_code())).status_code == 303


def unwide(code: str) -> str:
    """The digits in full width."""
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert unicodedata.normalize("NFKC", wide) == code
    return wide


def test_a_recovery_code_works_once(app: Flask, db: Database, mara: int) -> None:
    with db.transaction() as session:
        code, other, *_ = recovery_codes.make_codes(session, mara)
    assert Visitor(app).code(code.upper()).status_code == 303
    assert Visitor(app).code(code).status_code == 422
    assert Visitor(app).code(other.replace("-", " ")).status_code == 303
    with db.reading() as session:
        assert recovery_codes.count_codes(session, mara) == 8


def test_new_recovery_codes_end_the_old_ones(app: Flask, db: Database, mara: int) -> None:
    with db.transaction() as session:
        old, new = (recovery_codes.make_codes(session, mara)[0] for _ in range(2))
    assert Visitor(app).code(old).status_code == 422
    assert Visitor(app).code(new).status_code == 303


def test_a_secret_that_was_sealed_for_another_is_none(app: Flask, db: Database, settings: Settings, mara: int) -> None:
    """Or whoever can write to the database could give a person their own app."""
    with db.transaction() as session:
        sealed = totp.seal_secret(settings.signing_keys, mara + 1, desk.SECRET)
        session.execute(update(StaffMember).values(totp_secret=sealed))
    assert Visitor(app).code(desk.app_code()).status_code == 422


def test_the_secret_of_the_app_is_sealed(db: Database, settings: Settings, mara: int) -> None:
    with db.reading() as session:
        stored = session.scalars(select(StaffMember.totp_secret)).one()
    assert stored
    assert desk.SECRET not in stored


def test_the_second_step_is_bound_to_its_browser_and_to_five_minutes(app: Flask, mara: int) -> None:
    visitor = Visitor(app)
    step = visitor.step()
    assert "Start again" in error_of(Visitor(app).code(desk.app_code(), step))
    with clock.set_to(clock.now() + sign_in.STEP_AGE + timedelta(seconds=1)):
        assert "Start again" in error_of(visitor.code(desk.app_code(), step))


def test_the_second_step_ends_with_the_password(app: Flask, db: Database, mara: int) -> None:
    visitor = Visitor(app)
    step = visitor.step()
    with db.transaction() as session:
        session.execute(update(StaffMember).values(password_hash=passwords.hash_password("another long password")))
    assert "Start again" in error_of(visitor.code(desk.app_code(), step))


def test_a_hash_of_another_cost_is_made_anew(app: Flask, db: Database, mara: int) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(desk.PASSWORD)
    with db.transaction() as session:
        session.execute(update(StaffMember).values(password_hash=cheap))
    assert "The second step" in Visitor(app).password().text
    with db.reading() as session:
        stored = session.scalars(select(StaffMember.password_hash)).one()
    assert stored
    assert "m=19456,t=2,p=1" in stored


def test_a_session_ends_when_idle_and_after_twelve_hours(app: Flask, settings: Settings, mara: int) -> None:
    visitor, began = Visitor(app), clock.now()
    visitor.code(desk.app_code())
    with clock.set_to(began + timedelta(minutes=29)):
        assert visitor.is_in()
    with clock.set_to(began + timedelta(minutes=58)):
        assert visitor.is_in(), "a page is activity"
    with clock.set_to(began + timedelta(minutes=89)):
        assert not visitor.is_in()
    steady = Visitor(app)
    with clock.set_to(began + timedelta(minutes=90)):
        steady.code(desk.app_code())
    for minutes in range(110, 90 + 720, 20):
        with clock.set_to(began + timedelta(minutes=minutes)):
            assert steady.is_in()
    with clock.set_to(began + timedelta(minutes=90 + 721)):
        assert not steady.is_in()


def test_signing_out_ends_the_session_on_the_server(app: Flask, db: Database, settings: Settings, mara: int) -> None:
    person = desk.sign_in(app, db, settings, mara)
    cookie = person.client.get_cookie(desk.cookie_name(settings), domain=settings.public_host)
    assert cookie
    answer = person.post("/desk/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    person.client.set_cookie(cookie.key, cookie.value, domain=settings.public_host, secure=True)
    assert person.get("/desk/account").status_code == 303
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(StaffSession)) == 0


def test_forms_in_another_tab_stay_good_after_a_new_sign_in(
    app: Flask, db: Database, settings: Settings, mara: int
) -> None:
    visitor, began = Visitor(app), clock.now()
    visitor.code(desk.app_code())
    token = desk.token_of_page(visitor.client.get("/desk/account").text)
    with clock.set_to(began + timedelta(hours=1)):
        assert visitor.client.post("/desk/account/name", data={"form_token": token, "name": "M"}).status_code == 401
        visitor.code(desk.app_code())
        assert visitor.client.post("/desk/account/name", data={"form_token": token, "name": "M"}).status_code == 303


def test_a_form_without_a_session_brings_along_what_was_entered(
    app: Flask, db: Database, settings: Settings, mara: int
) -> None:
    person, began = desk.sign_in(app, db, settings, mara), clock.now()
    former = desk.token_of_page(person.get("/desk/account").text)
    with clock.set_to(began + timedelta(hours=13)):
        words = {"form_token": former, "name": '"M" & <b>\nN</b>', "proof_code": "123456", "password": "a password"}
        answer = person.client.post("/desk/account/name?a=b", data=words)
    assert answer.status_code == 401
    check_page(answer.text)
    assert 'action="/desk/account/name?a=b"' in answer.text
    assert f'name="form_token" value="{former}"' in answer.text
    assert 'name="name" value="&#34;M&#34; &amp; &lt;b&gt;\nN&lt;/b&gt;"' in answer.text
    assert "123456" not in answer.text
    assert "a password" not in answer.text
    nothing = person.client.post("/desk/account/name", data={"form_token": "foreign"})
    assert nothing.status_code == 403
    with clock.set_to(began + timedelta(hours=13)):
        file = {"form_token": former, "text": "Pasted", "file": (io.BytesIO(b"A page"), "page.txt")}
        answer = person.client.post("/desk/articles/bring-in", data=file)
    assert "Pasted" not in answer.text, "a form with a file would go out without it"
    assert "Do it again" not in answer.text


def test_a_part_of_a_page_is_answered_with_words_and_not_with_a_redirect(client: FlaskClient) -> None:
    answer = client.get("/desk", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "You are signed out." in answer.text
    assert "<html" not in answer.text


def test_a_stranger_s_passkey_requests_leave_no_rows(app: Flask, db: Database) -> None:
    visitor = Visitor(app)
    options = visitor.post("/desk/sign-in/passkey/options").json
    assert options
    assert options["options"]["userVerification"] == "required"
    answer = visitor.post("/desk/sign-in/passkey", challenge=options["challenge"], credential="{}")
    assert "not accepted" in error_of(answer)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(UsedChallenge)) == 0
