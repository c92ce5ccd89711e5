"""People: inviting, roles, removing, the last admin; one's own account; and the proof before hard things."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.mail.models import OutgoingMail
from newsletter.staff import people, sessions, throttling
from newsletter.staff.models import RecoveryCode, StaffMember, StaffSession
from newsletter.staff.rights import Role
from newsletter.staff.sessions import SignedIn
from newsletter.web.desk import proof
from newsletter.web.desk.access import access_of
from tests.factories import add_article, add_digest
from tests.services import desk
from tests.services.desk import DeskClient


@pytest.fixture(autouse=True)
def _no_tries() -> None:
    throttling.local_allowance.clear()


def sessions_of(db: Database, number: int) -> int:
    with db.reading() as session:
        query = select(StaffSession.id).where(StaffSession.staff_member_id == number)
        return len(session.scalars(query).all())


def test_an_invitation_is_shown_and_mailed(db: Database, settings: Settings, admin: DeskClient) -> None:
    answer = admin.post("/desk/people", {"email": "Leo@Dispatch.example", "role": "author"})
    assert f"{settings.public_url}/desk/link/" in answer.text
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail.kind)).all() == ["staff_link"]
    page = admin.get("/desk/people").text
    assert "invited: Leo@Dispatch.example" in page
    again = admin.post("/desk/people", {"email": "leo@dispatch.example", "role": "admin"})
    assert "has an account already" in again.text
    assert "not a complete email address" in admin.post("/desk/people", {"email": "leo", "role": "author"}).text
    assert "Choose one of the roles" in admin.post("/desk/people", {"email": "x@example.org", "role": "king"}).text


def test_a_change_of_role_counts_at_once_and_ends_the_sessions(
    db: Database, admin: DeskClient, editor: DeskClient
) -> None:
    assert editor.get("/desk/people").status_code == 403
    assert admin.post(f"/desk/people/{editor.number}/role", {"role": "admin"}).status_code == 303
    assert sessions_of(db, editor.number) == 0, "a rise of rights comes with a new session's id"
    assert editor.get("/desk").status_code == 303


def test_whoever_is_removed_is_out_at_once(db: Database, admin: DeskClient, editor: DeskClient) -> None:
    assert editor.get("/desk").status_code == 200
    assert admin.post(f"/desk/people/{editor.number}/remove").status_code == 303
    assert editor.get("/desk").status_code == 303
    with db.reading() as session:
        gone = session.get_one(StaffMember, editor.number)
        assert (gone.email, gone.email_key, gone.password_hash, gone.totp_secret) == (None, None, None, None)
    assert admin.get(f"/desk/people/{editor.number}").status_code == 404
    assert "Editor Example" in admin.get("/desk/audit-log").text, "the log keeps the name"


def test_the_last_admin_stays(db: Database, admin: DeskClient) -> None:
    with db.transaction() as session:
        people.add_member(session, "invited@dispatch.example", Role.ADMIN, by=OPERATOR)  # cannot sign in yet
    for path, data in (("role", {"role": "editor"}), ("remove", {})):
        answer = admin.post(f"/desk/people/{admin.number}/{path}", data)
        assert answer.status_code == 422
        assert "the last admin who can sign in" in answer.text
    assert admin.member().role == Role.ADMIN


def test_two_admins_who_remove_each_other_leave_one(db: Database, settings: Settings) -> None:
    pair = [desk.add_person(db, Role.ADMIN, email=f"{name}@dispatch.example") for name in ("a", "b")]
    refused: list[ConflictError] = []
    start = threading.Barrier(2)

    def remove(number: int) -> None:
        start.wait()
        try:
            with db.transaction() as session:
                people.remove_member(session, number, by=OPERATOR)
        except ConflictError as error:
            refused.append(error)

    threads = [threading.Thread(target=remove, args=(number,)) for number in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def test_an_admin_signs_others_out_everywhere(db: Database, admin: DeskClient, editor: DeskClient) -> None:
    assert admin.post(f"/desk/people/{editor.number}/sign-out").status_code == 303
    assert sessions_of(db, editor.number) == 0


def test_other_sessions_end_with_the_password_and_this_one_gets_a_new_id(
    app: Flask, db: Database, settings: Settings, editor: DeskClient
) -> None:
    other = desk.sign_in(app, db, settings, editor.number)
    name = desk.cookie_name(settings)
    before = editor.client.get_cookie(name, domain=settings.public_host)
    assert editor.post("/desk/account/password", {"password": "another long password"}).status_code == 303
    after = editor.client.get_cookie(name, domain=settings.public_host)
    assert before
    assert after
    assert before.value != after.value
    assert other.get("/desk/account").status_code == 303
    assert editor.get("/desk/account").status_code == 200


def test_other_sessions_end_with_the_code_app(app: Flask, db: Database, settings: Settings, editor: DeskClient) -> None:
    import re

    import pyotp

    other = desk.sign_in(app, db, settings, editor.number)
    page = editor.post("/desk/account/code-app/new").text
    token, secret = (re.search(pattern, page) for pattern in (r'name="app" value="([^"]+)"', r'mono">([A-Z2-7 ]+)<'))
    assert token
    assert secret
    code = pyotp.TOTP(secret[1].replace(" ", "")).generate_otp(int(clock.now().timestamp()) // 30)
    assert editor.post("/desk/account/code-app", {"app": token[1], "code": "000000"}).status_code == 422
    answer = editor.post("/desk/account/code-app", {"app": token[1], "code": code})
    assert "Your recovery codes" in answer.text
    assert other.get("/desk/account").status_code == 303
    thief = desk.sign_in(app, db, settings, desk.add_person(db, name="Other", email="other@dispatch.example"))
    data = {"app": token[1], "code": code, "password": "a long new password"}
    assert thief.post("/desk/account/code-app", data).status_code == 422, "another's secret"


def test_one_s_sessions_are_listed_and_ended(
    app: Flask, db: Database, settings: Settings, editor: DeskClient, admin: DeskClient
) -> None:
    other = desk.sign_in(app, db, settings, editor.number)
    with db.reading() as session:
        first, second = session.scalars(
            select(StaffSession.id).where(StaffSession.staff_member_id == editor.number).order_by(StaffSession.id)
        )
    assert editor.get("/desk/account").text.count("Firefox on Linux") >= 2
    admin.post(f"/desk/account/sessions/{second}/end")
    assert other.get("/desk/account").status_code == 200, "nobody ends another's session that way"
    editor.post(f"/desk/account/sessions/{second}/end")
    assert other.get("/desk/account").status_code == 303
    answer = editor.post("/desk/account/sign-out-everywhere")
    assert answer.headers["Clear-Site-Data"] == '"storage"', "what the browser kept of drafts goes, too"
    assert sessions_of(db, editor.number) == 0
    assert first


def test_hard_things_ask_for_a_proof_and_lose_nothing(db: Database, admin: DeskClient) -> None:
    desk.outdate_proof(db, admin.number)
    form = {"email": "leo@dispatch.example", "role": "author"}
    asked = admin.post("/desk/people", form)
    assert asked.status_code == 403
    assert "Is it you?" in asked.text
    assert 'name="email" value="leo@dispatch.example"' in asked.text
    wrong = admin.post("/desk/people", {**form, "proof_code": "000000"})
    assert wrong.status_code == 422
    assert "This code is wrong" in wrong.text
    with db.reading() as session:
        assert len(session.scalars(select(StaffMember)).all()) == 1, "nothing happened yet"
    assert "A link for leo@dispatch.example" in admin.post("/desk/people", {**form, "proof_code": desk.app_code()}).text
    assert admin.post(f"/desk/people/{admin.number}/link").status_code == 200, "good for ten minutes"


def test_a_proof_gives_a_new_id_and_uses_its_code_up(db: Database, settings: Settings, admin: DeskClient) -> None:
    desk.outdate_proof(db, admin.number)
    name, code = desk.cookie_name(settings), desk.app_code()
    before = admin.client.get_cookie(name, domain=settings.public_host)
    admin.post("/desk/account/recovery-codes", {"proof_code": code})
    after = admin.client.get_cookie(name, domain=settings.public_host)
    assert before
    assert after
    assert before.value != after.value
    desk.outdate_proof(db, admin.number)
    assert admin.post("/desk/account/recovery-codes", {"proof_code": code}).status_code == 422


def test_codes_of_a_proof_are_limited(db: Database, admin: DeskClient) -> None:
    """Somebody who finds a session open cannot try them all."""
    desk.outdate_proof(db, admin.number)
    for _ in range(throttling.LOCAL_TRIES):
        assert "This code is wrong" in admin.post("/desk/account/recovery-codes", {"proof_code": "000000"}).text
    right = admin.post("/desk/account/recovery-codes", {"proof_code": desk.app_code()})
    assert (right.status_code, "Too many tries" in right.text) == (422, True)
    with db.reading() as session:
        assert session.scalars(select(RecoveryCode)).all() == []


def test_what_somebody_was_refused_is_logged(editor: DeskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "newsletter.web.desk.errors"):
        assert editor.get(f"/desk/people/{editor.number}").status_code == 403
        assert editor.post("/desk/sign-out", {"form_token": "another's"}).status_code == 403
    person = f"person {editor.number} was refused"
    assert [record.getMessage() for record in caplog.records] == [
        f"{person} GET /desk/people/<int:number> (outside of the role)",
        f"{person} POST /desk/sign-out (without its form's token)",
    ]


def test_a_session_that_ends_during_the_proof_does_nothing(
    db: Database, admin: DeskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.outdate_proof(db, admin.number)

    def end_meanwhile(person: SignedIn) -> None:
        with db.transaction() as session:
            sessions.end_all(session, person.member_id)

    monkeypatch.setattr(proof, "_verify", end_meanwhile)
    assert admin.post("/desk/account/recovery-codes", {"proof_code": "123456"}).status_code == 401
    with db.reading() as session:
        assert session.scalars(select(RecoveryCode)).all() == []


@pytest.mark.parametrize("path", ["people/{n}/role", "people/{n}/remove", "people/{n}/link", "account/password"])
def test_each_hard_thing_needs_it(db: Database, admin: DeskClient, path: str) -> None:
    desk.outdate_proof(db, admin.number)
    path = path.format(n=admin.number)
    assert "Is it you?" in admin.post(f"/desk/{path}", {"role": "editor", "password": "a long new password"}).text


def test_all_hard_things_are_posts(app: Flask) -> None:
    """A proof is asked for by posts alone, so a GET that wanted one would get none."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("desk.")]
    access = [(rule, access_of(app.view_functions[rule.endpoint])) for rule in rules]
    hard = [rule for rule, found in access if found is not None and found.recent_proof]
    assert {rule.endpoint.removeprefix("desk.") for rule in hard} == {
        *("invite", "give_role", "new_link", "remove_person"),
        *("change_password", "new_code_app", "change_code_app", "new_recovery_codes", "add_passkey", "remove_passkey"),
        *("schedule_digest", "send_digest", "resume_digest", "cancel_digest", "retry_refused", "resolve_batch"),
    }
    assert {method for rule in hard for method in rule.methods or ()} == {"POST", "OPTIONS"}


def test_a_poll_prolongs_nothing(app: Flask, db: Database, admin: DeskClient) -> None:
    from newsletter.staff.rights import Right
    from newsletter.web.desk.access import needs

    app.view_functions["desk.home"] = needs(Right.WRITE, is_activity=False)(lambda: "polled")
    with db.transaction() as session:
        session.execute(update(StaffSession).values(last_seen_at=clock.now() - timedelta(minutes=20)))
    assert admin.get("/desk").text == "polled"
    with db.reading() as session:
        assert session.scalars(select(StaffSession.last_seen_at)).one() < clock.now() - timedelta(minutes=19)
    admin.get("/desk/account")
    with db.reading() as session:
        assert session.scalars(select(StaffSession.last_seen_at)).one() > clock.now() - timedelta(minutes=1)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "x\u202ey", "İ" * 80, "👩‍🚀 אבג", "a" * 81, "\x00"]
)
def test_a_hostile_name_breaks_no_page(admin: DeskClient, name: str) -> None:
    admin.post("/desk/account/name", {"name": name})
    for path in ("/desk/account", "/desk/people", "/desk/audit-log"):
        page = admin.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text


def test_keys_of_one_character_can_be_turned_off(admin: DeskClient, db: Database) -> None:
    """WCAG 2.1.4. No page then says that it has them, and the scripts do what the pages say."""
    story, draft = add_article(db, "A story"), add_digest(db)
    pages = ("/desk", "/desk/articles", f"/desk/articles/stories/{story}", f"/desk/digests/{draft}/compose")

    def keys() -> set[str]:
        found = "".join(admin.get(path).text for path in pages)
        return {*re.findall(r"<kbd[^>]*>([/A-Z])</kbd>|aria-keyshortcuts|list\.js|data-letters", found)}

    with_ctrl = {"S"}
    assert keys() == {"", *"/JKADX"} | with_ctrl
    assert admin.post("/desk/account/keys", {"keys": "off"}).headers["Location"] == "/desk/account?done=keys-off"
    assert "They are off." in admin.get("/desk/account").text
    assert keys() == with_ctrl
    admin.post("/desk/account/keys", {"keys": "on"})
    assert keys() == {"", *"/JKADX"} | with_ctrl
