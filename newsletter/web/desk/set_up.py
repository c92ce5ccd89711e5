"""Links by mail: setting an account up, or anew. Opening one changes nothing; the form that it shows uses it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core import public_paths, tokens
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import factors, links, passkeys, passwords, people, totp
from newsletter.staff.audit import AuditAction
from newsletter.staff.factors import NewCodeApp
from newsletter.staff.models import StaffLinkPurpose, StaffMember
from newsletter.web.desk import sign_in
from newsletter.web.desk.access import Everybody, needs
from newsletter.web.desk.blueprint import desk, page_with_errors, render_desk
from newsletter.web.desk.staff_forms import browser_name, relying_party

PATH = public_paths.desk_link("<token>").removeprefix(public_paths.DESK)

APP_TOO_OLD = gettext_noop("The page was open for too long. Here is a new QR code.")


@desk.get(PATH)
@needs(Everybody.VISITOR)
def link(token: str) -> str:
    """The page behind a link. Raises StaffLinkError for one that does not work."""
    with runtime().db.reading() as session:
        found, member = links.link_of_token(session, token)
    if found.purpose == StaffLinkPurpose.DEMO:
        return render_desk("demo_link.html", token=token)
    return render_desk("set_up.html", **_values(member, token), name=member.name, errors={})


@desk.post(f"{PATH}/enter")
@needs(Everybody.VISITOR)
def demo_link(token: str) -> Response:
    """Sign in with the demo's link."""
    with runtime().db.transaction() as session:
        purpose, member = links.use_link(session, token)
        if purpose != StaffLinkPurpose.DEMO:
            raise links.StaffLinkError("staff.link_not_valid", links.NOT_VALID)
        sign_in.start(session, member, AuditAction.SIGNED_IN_WITH_LINK)
    return redirect(url_for("desk.home"), 303)  # type: ignore[return-value]


@desk.post(f"{PATH}/password")
@needs(Everybody.VISITOR)
def set_up_with_password(token: str) -> ResponseReturnValue:
    """Set the account up with a password and a code app; shows the recovery codes, once."""
    keys, form = runtime().settings.signing_keys, request.form
    invited = _invited(token)
    app = NewCodeApp.from_token(keys, invited.id, form.get("app", ""))
    entered = _Entered(form.get("name", ""), form.get("password", ""), form.get("code", ""))
    errors = entered.check(invited, app)
    if errors or app is None:
        return page_with_errors("set_up.html", **_values(invited, token, app), name=entered.name, errors=errors)
    with runtime().db.transaction() as session:
        member = _use(token, session)
        factors.begin_set_up(session, member, entered.name)
        factors.set_password(session, member, entered.password_hash, session_id=None)
        codes = factors.set_code_app(session, keys, member, app, entered.step, session_id=None)
        sign_in.start(session, member, AuditAction.SIGNED_IN_WITH_CODE)
    return render_desk("recovery_codes.html", codes=codes, next_path=url_for("desk.home"))


@desk.post(f"{PATH}/passkey/options")
@needs(Everybody.VISITOR)
def set_up_options(token: str) -> dict[str, Any]:
    """The options for the account's first passkey."""
    return passkeys.registration_options(relying_party(), _invited(token), ())


@desk.post(f"{PATH}/passkey")
@needs(Everybody.VISITOR)
def set_up_with_passkey(token: str) -> ResponseReturnValue:
    """Set the account up with a passkey."""
    form, invited = request.form, _invited(token)
    try:
        with runtime().db.transaction() as session:
            member = _use(token, session)
            factors.begin_set_up(session, member, form.get("name", ""))
            challenge, credential = form.get("challenge", ""), form.get("credential", "")
            passkeys.add_passkey(session, relying_party(), member, challenge, credential, browser_name())
            factors.record_passkey(session, member, AuditAction.PASSKEY_ADDED, session_id=None)
            sign_in.start(session, member, AuditAction.SIGNED_IN_WITH_PASSKEY)
    except InvalidError as error:
        errors = {"passkey": error}
        return page_with_errors("set_up.html", **_values(invited, token), name=form.get("name", ""), errors=errors)
    return redirect(url_for("desk.home"), 303)


@dataclass
class _Entered:
    """The form of a name, a password and a first code."""

    name: str
    password: str
    code: str
    password_hash: str = ""
    step: int = 0

    def check(self, member: StaffMember, app: NewCodeApp | None) -> dict[str, NewsletterError]:
        """An error for each field that is wrong; otherwise `password_hash` and `step` are known."""
        errors: dict[str, NewsletterError] = {}
        try:
            people.valid_name(self.name)
        except InvalidError as error:
            errors["name"] = error
        try:
            known_words = (member.email or "", self.name)
            self.password_hash = passwords.hash_password(self.password, known_words=known_words)
        except InvalidError as error:
            errors["password"] = error
        try:
            if app is None:
                raise InvalidError("totp.too_old", APP_TOO_OLD)
            self.step = app.confirm(self.code)
        except InvalidError as error:
            errors["code"] = error
        return errors


def _invited(token: str) -> StaffMember:
    """The person whose account a link sets up. Raises StaffLinkError."""
    with runtime().db.reading() as session:
        found, member = links.link_of_token(session, token)
    return _require_set_up(found.purpose, member)


def _use(token: str, session: Session) -> StaffMember:
    """Use up a link that sets an account up."""
    return _require_set_up(*links.use_link(session, token))


def _require_set_up(purpose: StaffLinkPurpose, member: StaffMember) -> StaffMember:
    if purpose == StaffLinkPurpose.DEMO:
        raise links.StaffLinkError("staff.link_not_valid", links.NOT_VALID)
    return member


def _values(member: StaffMember, token: str, app: NewCodeApp | None = None) -> dict[str, Any]:
    """The values of the page to set an account up."""
    settings = runtime().settings
    app = app or NewCodeApp(settings.signing_keys, member.id)
    return {
        "member": member,
        "token": tokens.clean_token(token),
        "app": app,
        "qr_code": totp.qr_code(totp.app_uri(app.secret, member.email or "", settings.publication_name)),
        "secret": totp.grouped(app.secret),
    }
