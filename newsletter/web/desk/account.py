"""One's own account: sessions, passkeys, password, code app, recovery codes."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit, factors, passkeys, passwords, people, recovery_codes, sessions, totp
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.factors import NewCodeApp
from newsletter.staff.models import StaffMember
from newsletter.web.desk import cookies
from newsletter.web.desk.access import Everybody, needs
from newsletter.web.desk.blueprint import desk, page_with_errors, render_desk, signed_in
from newsletter.web.desk.set_up import APP_TOO_OLD
from newsletter.web.desk.sign_in import to_sign_in
from newsletter.web.desk.staff_forms import browser_name, relying_party

NO_PASSWORD = gettext_noop("Set a code app first: a password alone signs nobody in.")

NOTICES = {
    "password": gettext_noop("The password is changed. All other sessions have ended."),
    "passkey": gettext_noop("The passkey is added."),
    "removed": gettext_noop("The passkey is removed. All other sessions have ended."),
    "session": gettext_noop("That session has ended."),
    "name": gettext_noop("Your name is changed."),
    "keys-on": gettext_noop("The keys of one character are on."),
    "keys-off": gettext_noop("The keys of one character are off."),
}
"""Notices of the page after a change, by its parameter `done`."""


@desk.get("/account")
@needs(Everybody.SIGNED_IN)
def account() -> str:
    """Everything about one's own account."""
    return render_desk("account.html", **_values(), said=NOTICES.get(request.args.get("done", ""), ""), errors={})


@desk.post("/account/name")
@needs(Everybody.SIGNED_IN)
def change_name() -> ResponseReturnValue:
    """Change one's name."""
    try:
        with runtime().db.transaction() as session:
            people.change_name(session, _member(session), request.form.get("name", ""))
    except InvalidError as error:
        return page_with_errors("account.html", **_values(), said="", errors={"name": error})
    return _done("name")


@desk.post("/account/keys")
@needs(Everybody.SIGNED_IN)
def switch_keys() -> Response:
    """Turn the keys of one character on or off."""
    wanted = request.form.get("keys") == "on"
    with runtime().db.transaction() as session:
        _member(session).letter_keys = wanted
    return _done("keys-on" if wanted else "keys-off")


@desk.post("/account/sessions/<int:number>/end")
@needs(Everybody.SIGNED_IN)
def end_session(number: int) -> Response:
    """End one of one's sessions."""
    with runtime().db.transaction() as session:
        sessions.end_session(session, signed_in().member_id, number)
    return _done("session")


@desk.post("/account/sign-out-everywhere")
@needs(Everybody.SIGNED_IN)
def sign_out_everywhere() -> Response:
    """End all of one's sessions, this one too."""
    person = signed_in()
    with runtime().db.transaction() as session:
        sessions.end_all(session, person.member_id)
        audit.record(session, AuditAction.SIGNED_OUT_EVERYWHERE, by=person.actor, on=member_object(person.member_id))
    return to_sign_in()


@desk.post("/account/password")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def change_password() -> ResponseReturnValue:
    """Change the password; for a person who has a code app."""
    person = signed_in()
    try:
        password_hash = passwords.hash_password(
            request.form.get("password", ""), known_words=(person.email, person.name)
        )
        with runtime().db.transaction() as session:
            member = _member(session)
            if member.totp_secret is None:
                raise InvalidError("staff.no_code_app", NO_PASSWORD)
            factors.set_password(session, member, password_hash, session_id=person.session_id)
            _renew(session)
    except InvalidError as error:
        return page_with_errors("account.html", **_values(), said="", errors={"password": error})
    return _done("password")


@desk.post("/account/code-app/new")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def new_code_app() -> str:
    """Offer a new secret to a code app."""
    return render_desk("code_app.html", **_app_values(), errors={})


@desk.post("/account/code-app")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def change_code_app() -> ResponseReturnValue:
    """Take the new code app over once it has shown a right code; with a password, where there is none yet."""
    person, keys, form = signed_in(), runtime().settings.signing_keys, request.form
    app = NewCodeApp.from_token(keys, person.member_id, form.get("app", ""))
    try:
        if app is None:
            raise InvalidError("totp.too_old", APP_TOO_OLD)
        step = app.confirm(form.get("code", ""))
        password_hash = ""
        if form.get("password"):
            password_hash = passwords.hash_password(form["password"], known_words=(person.email, person.name))
        with runtime().db.transaction() as session:
            member = _member(session)
            if password_hash or member.password_hash is None:
                factors.set_password(session, member, password_hash or _required(), session_id=person.session_id)
            codes = factors.set_code_app(session, keys, member, app, step, session_id=person.session_id)
            _renew(session)
    except InvalidError as error:
        field = "password" if error.code.startswith("password.") else "code"
        return page_with_errors("code_app.html", **_app_values(app), errors={field: error})
    return render_desk("recovery_codes.html", codes=codes, next_path=url_for("desk.account"))


@desk.post("/account/recovery-codes")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def new_recovery_codes() -> str:
    """Make ten new recovery codes and show them, once."""
    with runtime().db.transaction() as session:
        codes = factors.make_recovery_codes(session, _member(session))
    return render_desk("recovery_codes.html", codes=codes, next_path=url_for("desk.account"))


@desk.post("/account/passkeys/options")
@needs(Everybody.SIGNED_IN)
def new_passkey_options() -> dict[str, Any]:
    """The options for another passkey."""
    with runtime().db.reading() as session:
        member = people.get_member(session, signed_in().member_id)
        return passkeys.registration_options(relying_party(), member, passkeys.passkeys_of(session, member.id))


@desk.post("/account/passkeys")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def add_passkey() -> ResponseReturnValue:
    """Add a passkey."""
    form, person = request.form, signed_in()
    try:
        with runtime().db.transaction() as session:
            member = _member(session)
            challenge, credential = form.get("new_challenge", ""), form.get("new_credential", "")
            passkeys.add_passkey(session, relying_party(), member, challenge, credential, browser_name())
            factors.record_passkey(session, member, AuditAction.PASSKEY_ADDED, session_id=person.session_id)
            _renew(session)
    except InvalidError as error:
        return page_with_errors("account.html", **_values(), said="", errors={"passkey": error})
    return _done("passkey")


@desk.post("/account/passkeys/<int:number>/remove")
@needs(Everybody.SIGNED_IN, recent_proof=True)
def remove_passkey(number: int) -> ResponseReturnValue:
    """Remove a passkey, unless it is the last way to sign in."""
    person = signed_in()
    try:
        with runtime().db.transaction() as session:
            member = _member(session)
            passkeys.remove_passkey(session, member, number)
            factors.record_passkey(session, member, AuditAction.PASSKEY_REMOVED, session_id=person.session_id)
            _renew(session)
    except InvalidError as error:
        return page_with_errors("account.html", **_values(), said="", errors={"passkey": error})
    return _done("removed")


def _member(session: Session) -> StaffMember:
    return people.get_member(session, signed_in().member_id, for_change=True)


def _required() -> str:
    """The hash of a password that is required and was not entered."""
    return passwords.hash_password("")


def _renew(session: Session) -> None:
    """Give this session a new id, as after each change of a factor."""
    token = sessions.renew_after_proof(session, signed_in())
    cookies.give_session(token)
    g.signed_in = sessions.find_session(session, token, runtime().settings.desk_idle_after)


def _done(what: str) -> Response:
    return redirect(url_for("desk.account", done=what), 303)  # type: ignore[return-value]


def _app_values(app: NewCodeApp | None = None) -> dict[str, Any]:
    settings, person = runtime().settings, signed_in()
    app = app or NewCodeApp(settings.signing_keys, person.member_id)
    with runtime().db.reading() as session:
        member = people.get_member(session, person.member_id)
    return {
        "app": app,
        "qr_code": totp.qr_code(totp.app_uri(app.secret, person.email, settings.publication_name)),
        "secret": totp.grouped(app.secret),
        "needs_password": member.password_hash is None,
    }


def _values() -> dict[str, Any]:
    person = signed_in()
    with runtime().db.reading() as session:
        member = people.get_member(session, person.member_id)
        return {
            "member": member,
            "sessions": sessions.list_sessions(session, person.member_id, runtime().settings.desk_idle_after),
            "passkeys": passkeys.passkeys_of(session, person.member_id),
            "codes_left": recovery_codes.count_codes(session, person.member_id),
            "codes": recovery_codes.COUNT,
        }
