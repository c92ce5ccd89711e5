"""The work before and after each view of the desk: session, form token, rights, recent proof, headers."""

from __future__ import annotations

import hmac
from urllib.parse import quote

from flask import Response, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from newsletter.core import clock, public_paths
from newsletter.core.runtime import runtime
from newsletter.staff import rights, sessions
from newsletter.staff.rights import Right
from newsletter.staff.sessions import SignedIn
from newsletter.web import csrf, hosts
from newsletter.web.desk import access, cookies, errors, proof
from newsletter.web.desk.access import Access, Everybody
from newsletter.web.desk.blueprint import desk

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
FORM_TOKEN_HEADER = "X-Form-Token"  # noqa: S105

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@desk.before_request
def guard() -> ResponseReturnValue | None:
    """Answer in place of the view where it may not run."""
    cookies.begin_request()
    g.signed_in = None
    if (elsewhere := _to_localhost()) is not None:
        return elsewhere
    needed = access.access_of(current_app.view_functions.get(request.endpoint or ""))
    if needed is None:
        abort(403)
    person = g.signed_in = _find_person()
    if needed.need is not Everybody.VISITOR and person is None:
        return _ask_to_sign_in()
    if request.method not in csrf.SAFE_METHODS and not _has_form_token():
        return errors.refuse_form()
    if person is None:
        return None
    if isinstance(needed.need, Right):
        rights.require_right(person.role, needed.need)
    _prolong(person, needed)
    return proof.require_proof(person) if needed.recent_proof and request.method not in csrf.SAFE_METHODS else None


@desk.after_request
def finish(response: Response) -> Response:
    """Set cookies and headers; `security_headers` adds no-store to all below /desk."""
    cookies.set_cookies(response)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


@desk.app_context_processor
def _form_token_for_templates() -> dict[str, object]:
    return {"form_token": form_token}


def form_token() -> str:
    """The token of the forms on this page; before a sign-in it is made from the cookie alone."""
    person: SignedIn | None = g.get("signed_in")
    return person.form_token if person else sessions.form_token(cookies.session_token().encode())


def sign_in_path(next_path: str) -> str:
    """The page to sign in, which leads back to `next_path`."""
    return url_for("desk.sign_in", next=next_path)


def _find_person() -> SignedIn | None:
    token = cookies.session_token()
    with runtime().db.reading() as session:
        return sessions.find_session(session, token, runtime().settings.desk_idle_after)


def _has_form_token() -> bool:
    given = request.form.get(FORM_TOKEN) or request.headers.get(FORM_TOKEN_HEADER, "")
    return hmac.compare_digest(given.encode(), form_token().encode())


def _prolong(person: SignedIn, needed: Access) -> None:
    if needed.is_activity and clock.now() - person.last_seen_at > sessions.SEEN_EVERY:
        with runtime().db.transaction() as session:
            sessions.note_activity(session, person)


def _ask_to_sign_in() -> ResponseReturnValue:
    """To the page to sign in, and back. A form or a part of a page gets words instead: a redirect would be followed
    silently, and what was entered would be lost."""
    if request.method in csrf.SAFE_METHODS and "HX-Request" not in request.headers:
        query = request.query_string.decode("ascii", "ignore")
        return redirect(sign_in_path(f"{request.path}?{query}" if query else request.path), 303)
    return errors.signed_out()


def _to_localhost() -> ResponseReturnValue | None:
    """Passkeys work on http://localhost, and on no address: so the demo has one name."""
    settings = runtime().settings
    if settings.public_host != "localhost" or request.method not in csrf.SAFE_METHODS:
        return None
    if hosts.name_of(f"//{request.host}") == "localhost":
        return None
    query = request.query_string.decode("ascii", "ignore")
    path = quote(request.path if request.path.startswith(public_paths.DESK) else public_paths.DESK)
    return redirect(settings.url(f"{path}?{query}" if query else path), 307)
