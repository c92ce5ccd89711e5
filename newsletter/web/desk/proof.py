""" "Is it you?": the page before hard things, when the last passkey or code is older than 10 minutes.

It brings along what was entered, and posts it to where it was going, together with the proof. So nothing is lost and
nothing is done twice. A session gets a new id with each proof.
"""

from __future__ import annotations

from typing import Any

from flask import Response, g, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.errors import NewsletterError
from newsletter.core.runtime import runtime
from newsletter.staff import passkeys, people, sessions, sign_in
from newsletter.staff.models import StaffMember
from newsletter.staff.passkeys import Ceremony, PasskeyError
from newsletter.staff.sessions import SignedIn
from newsletter.web.desk import cookies, entered, errors
from newsletter.web.desk.access import Everybody, needs
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.desk.entered import CHALLENGE, CODE, CREDENTIAL
from newsletter.web.desk.staff_forms import limits, relying_party, wait_error, wrong_code_error


def require_proof(person: SignedIn) -> ResponseReturnValue | None:
    """None when the last proof is recent, or comes with this very request; else the page that asks for one.

    A person without passkey and code app has nothing to prove with. Only the demo's link makes such a session.
    """
    if person.is_proof_recent:
        return None
    with runtime().db.reading() as session:
        if not people.has_factor(session, people.get_member(session, person.member_id)):
            return None
    if CODE not in request.form and CREDENTIAL not in request.form:
        return _page(person, 403)
    try:
        _verify(person)
    except NewsletterError as error:
        return _page(person, 422, error)
    with runtime().db.transaction() as session:
        token = sessions.renew_after_proof(session, person)
        g.signed_in = sessions.find_session(session, token, runtime().settings.desk_idle_after)
    if g.signed_in is None:  # ended from elsewhere, while the proof was looked at
        return errors.signed_out()
    cookies.give_session(token)
    return None


@desk.post("/proof/options")
@needs(Everybody.SIGNED_IN)
def proof_options() -> dict[str, Any]:
    """The options to show one of the person's passkeys."""
    with runtime().db.reading() as session:
        known = passkeys.passkeys_of(session, signed_in().member_id)
    return passkeys.request_options(relying_party(), Ceremony.PROOF, known)


def _verify(person: SignedIn) -> None:
    """Raise NewsletterError unless the code or passkey is the person's."""
    if request.form.get(CREDENTIAL):
        with runtime().db.transaction() as session:
            token, credential = request.form.get(CHALLENGE, ""), request.form[CREDENTIAL]
            member = passkeys.verify_passkey(session, relying_party(), Ceremony.PROOF, token, credential)
        if member.id != person.member_id:
            raise PasskeyError("passkey.refused", passkeys.REFUSED)
        return
    counted = limits().try_code(person.member_id)
    if not counted.allowed:
        raise wait_error(counted.wait)
    with runtime().db.transaction() as session:
        if _is_code(session, person.member_id, request.form.get(CODE, "")):
            is_right = True
        else:
            is_right = False
            sign_in.record_refused_code(session, person.member_id)
    if not is_right:
        raise wrong_code_error(counted.remaining)
    limits().forget_code_tries(person.member_id)


def _is_code(session: Session, member_id: int, code: str) -> bool:
    member: StaffMember = people.get_member(session, member_id, for_change=True)
    return sign_in.accept_second_step(session, runtime().settings.signing_keys, member, code) is not None


def _page(person: SignedIn, status: int, error: NewsletterError | None = None) -> Response:
    with runtime().db.reading() as session:
        has_passkey = bool(passkeys.passkeys_of(session, person.member_id))
        has_app = people.get_member(session, person.member_id).totp_secret is not None
    return make_response(
        render_desk(
            "proof.html",
            fields=entered.entered_fields(),
            error=error,
            has_passkey=has_passkey,
            has_app=has_app,
            target=entered.target(),
        ),
        status,
    )
