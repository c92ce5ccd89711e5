"""Signing in: with a passkey, or with password and code; and signing out."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.actors import VISITOR
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit, passkeys, passwords, people, sessions, sign_in
from newsletter.staff.audit import AuditAction
from newsletter.staff.models import StaffMember
from newsletter.staff.passkeys import Ceremony, PasskeyError
from newsletter.web.desk import cookies
from newsletter.web.desk.access import Everybody, needs
from newsletter.web.desk.blueprint import desk, page_with_errors, render_desk, signed_in, visitor_or_person
from newsletter.web.desk.staff_forms import (
    browser_name,
    limits,
    networks,
    relying_party,
    safe_path,
    tries_in_words,
    wait_error,
    wrong_code_error,
)

WRONG_PASSWORD = gettext_noop("This address and this password do not belong together. %(tries)s")


@desk.get("/sign-in", endpoint="sign_in")
@needs(Everybody.VISITOR)
def sign_in_page() -> ResponseReturnValue:
    """The page to sign in; to the desk for a person who is signed in."""
    next_path = safe_path(request.args.get("next", ""))
    if visitor_or_person() is not None:
        return redirect(next_path, 303)
    return render_desk("sign_in.html", next_path=next_path, email="", errors={})


@desk.post("/sign-in")
@needs(Everybody.VISITOR)
def password() -> ResponseReturnValue:
    """The first step: address and password. It answers alike for unknown addresses."""
    email = request.form.get("email", "")[:320]
    try:
        with passwords.place_for_visitor():
            return _first_step(email)
    except passwords.BusyError as error:  # no try is counted
        response = _again(email, {"password": error})
        response.status_code = 503
        return response


def _first_step(email: str) -> ResponseReturnValue:
    try:
        key = people.email_key(email)
    except InvalidError:
        key = ""  # nobody's
    browser = cookies.known_browser(key)
    counted = limits().try_password(key, networks(), browser)
    if not counted.allowed:
        return _again(email, {"password": wait_error(counted.wait)})
    with runtime().db.reading() as session:
        member = people.find_member(session, key)
    result = sign_in.compare_password(member, request.form.get("password", ""))
    with runtime().db.transaction() as session:
        sign_in.record_password_try(session, member, result)
        member = people.find_member(session, key)
    if not result.is_right or member is None:
        error = InvalidError("sign_in.password_wrong", WRONG_PASSWORD, tries=tries_in_words(counted.remaining))
        return _again(email, {"password": error})
    limits().forget_password_tries(key, networks(), browser)
    step = sign_in.issue_step(runtime().settings.signing_keys, member, cookies.session_token())
    return _code_page(step, {})


@desk.post("/sign-in/code")
@needs(Everybody.VISITOR)
def code() -> ResponseReturnValue:
    """The second step: the app's code, or a recovery code."""
    settings, step = runtime().settings, request.form.get("step", "")
    try:
        with runtime().db.transaction() as session:
            number = sign_in.member_of_step(session, settings.signing_keys, step, cookies.session_token()).id
    except sign_in.StepError as error:
        return _again("", {"password": error})
    counted = limits().try_code(number)
    if not counted.allowed:
        return _code_page(step, {"code": wait_error(counted.wait)}, 422)
    with runtime().db.transaction() as session:
        member = sign_in.member_of_step(session, settings.signing_keys, step, cookies.session_token())
        action = sign_in.accept_second_step(session, settings.signing_keys, member, request.form.get("code", ""))
        if action is None:
            sign_in.record_refused_code(session, number)
        else:
            start(session, member, action)
    if action is None:
        return _code_page(step, {"code": wrong_code_error(counted.remaining)}, 422)
    limits().forget_code_tries(number)
    return redirect(_next_path(), 303)


@desk.post("/sign-in/passkey/options")
@needs(Everybody.VISITOR)
def passkey_options() -> dict[str, Any]:
    """The options to show a passkey: the same for everybody."""
    return passkeys.request_options(relying_party(), Ceremony.SIGN_IN)


@desk.post("/sign-in/passkey")
@needs(Everybody.VISITOR)
def passkey() -> ResponseReturnValue:
    """Sign in with a passkey."""
    counted = limits().try_network(networks())
    if not counted.allowed:
        return _again("", {"passkey": wait_error(counted.wait)})
    challenge, credential = request.form.get("challenge", ""), request.form.get("credential", "")
    try:
        with runtime().db.transaction() as session:
            member = passkeys.verify_passkey(session, relying_party(), Ceremony.SIGN_IN, challenge, credential)
            start(session, member, AuditAction.SIGNED_IN_WITH_PASSKEY)
    except PasskeyError as error:
        with runtime().db.transaction() as session:
            audit.record(session, AuditAction.PASSKEY_REFUSED, by=VISITOR)
        return _again("", {"passkey": error})
    return redirect(_next_path(), 303)


@desk.post("/sign-out")
@needs(Everybody.SIGNED_IN)
def sign_out() -> Response:
    """End this session, on the server too."""
    person = signed_in()
    with runtime().db.transaction() as session:
        sessions.end_session(session, person.member_id, person.session_id)
        audit.record(session, AuditAction.SIGNED_OUT, by=person.actor)
    return to_sign_in()


def to_sign_in() -> Response:
    """The answer to signing out, after which the browser drops the drafts that it kept."""
    response = redirect(url_for("desk.sign_in"), 303)
    response.headers["Clear-Site-Data"] = '"storage"'
    return response  # type: ignore[return-value]


def start(session: Session, member: StaffMember, action: AuditAction) -> None:
    """Start a session of a person who has just proved who they are, and give the browser its id."""
    token = sessions.start_session(session, member, browser_name(), former_token=cookies.session_token())
    sign_in.record_sign_in(session, member, action)
    cookies.give_session(token)
    cookies.remember_browser(member.email_key or "")


def _next_path() -> str:
    return safe_path(request.form.get("next", ""))


def _again(email: str, errors: dict[str, NewsletterError]) -> Response:
    return page_with_errors("sign_in.html", next_path=_next_path(), email=email, errors=errors)


def _code_page(step: str, errors: dict[str, NewsletterError], status: int = 200) -> tuple[str, int]:
    return render_desk("sign_in_code.html", step=step, next_path=_next_path(), errors=errors), status
